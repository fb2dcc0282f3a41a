"""The one exception of this tool: what went wrong, where, and what to do about it."""


class BankError(Exception):
    def __init__(self, what: str, where: str = "", hint: str = ""):
        self.what, self.where, self.hint = what, where, hint
        parts = [what]
        if where:
            parts.append(f"where: {where}")
        if hint:
            parts.append(f"what to do: {hint}")
        super().__init__("; ".join(parts))
