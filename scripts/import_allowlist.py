"""An import-linter contract that names what a package may import; the built-in ones name what it may not."""

import sys
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class AllowlistContract(Contract):
    """The package imports the standard library, itself and `allowed_packages`; anything else breaks it."""

    type_name = "allowlist"

    package = fields.StringField()
    allowed_packages = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - inherited
        """Look at what every module of the package imports; `stray` lists what it may not."""
        del verbose
        # import-linter replaces each field by its parsed value; the declarations hide that.
        package = cast("str", cast("object", self.package))
        allowed = sys.stdlib_module_names | {package} | cast("set[str]", cast("object", self.allowed_packages))
        stray = sorted(
            (module, imported)
            for module in {package, *graph.find_descendants(package)}
            for imported in graph.find_modules_directly_imported_by(module)
            if imported.partition(".")[0] not in allowed
        )
        return ContractCheck(kept=not stray, metadata={"stray": stray})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per import that is not allowed."""
        for module, imported in cast("list[tuple[str, str]]", check.metadata["stray"]):
            output.print_error(f"{module} imports {imported}, which {self.package} may not")
