"""Names of people and places in India, for the demo and for `seed`."""

FIRST_NAMES = (
    "Aarav Aditi Amit Ananya Arjun Bhavna Chetan Deepa Dev Divya Farah Gaurav Geeta Harish "
    "Ishaan Jaya Kabir Kavya Kiran Lata Manish Meera Mohan Nisha Omkar Pooja Prakash Priya "
    "Rahul Rekha Rohan Sana Sanjay Shreya Sunil Tara Uma Varun Vikram Yash Zoya"
).split()


LAST_NAMES = (
    "Agarwal Bhat Chauhan Das Desai Fernandes Ghosh Gupta Iyer Jain Joshi Kapoor Khan "
    "Kulkarni Kumar Mehta Menon Mishra Nair Patel Pillai Rao Reddy Roy Saxena Shah Sharma "
    "Singh Thomas Verma Yadav"
).split()


PLACES = (
    ("Mumbai", "Maharashtra", "400001"),
    ("Pune", "Maharashtra", "411004"),
    ("Bengaluru", "Karnataka", "560034"),
    ("Chennai", "Tamil Nadu", "600017"),
    ("Hyderabad", "Telangana", "500033"),
    ("Kolkata", "West Bengal", "700019"),
    ("Jaipur", "Rajasthan", "302001"),
    ("Kochi", "Kerala", "682016"),
    ("Lucknow", "Uttar Pradesh", "226010"),
    ("Ahmedabad", "Gujarat", "380009"),
)


STREETS = "MG Road, Station Road, Gandhi Nagar, Nehru Street, Lake View Road, Temple Lane".split(
    ", "
)
