"""A data folder for doctor, and how it looks, for its tests."""

from ppims.maintenance.doctor.place import KEY_NAMES, find_place


def make_folder(tmp_path):
    """A data folder as a first start leaves it."""
    made = tmp_path / "var"
    (made / "keys").mkdir(mode=0o700, parents=True)
    made.chmod(0o700)
    for path in (made / "ppims.sqlite3", *(made / "keys" / f"{name}.key" for name in KEY_NAMES)):
        path.touch(mode=0o600)
    return made


def look(check, *arguments):
    """Run a check: the level of each thing, by its name."""
    return {each.name: each.level for each in check(*arguments)}


def find_in(folder, **variables):
    return find_place({"PPIMS_DATA_DIR": str(folder), **variables})
