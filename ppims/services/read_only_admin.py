"""What the admin's pages share."""


def refuse_everyone(*_: object, **__: object) -> bool:
    """Stand in for a has_*_permission: nobody may, whatever the role."""
    return False
