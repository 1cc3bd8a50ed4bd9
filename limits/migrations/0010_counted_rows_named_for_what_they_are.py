from django.db import migrations


class Migration(migrations.Migration):
    """Two models get names that say what a row is; their tables stay, whoever has them."""

    dependencies = [("limits", "0009_take_rows_as_they_are")]

    operations = [
        migrations.AlterModelTable("figures", "limits_figures"),
        migrations.AlterModelTable("watched", "limits_watched"),
        migrations.RenameModel("Figures", "OverviewSnapshot"),
        migrations.RenameModel("Watched", "NearLimit"),
        migrations.AlterModelOptions("overviewsnapshot", {}),
        migrations.AlterModelOptions("nearlimit", {"verbose_name_plural": "near limits"}),
    ]
