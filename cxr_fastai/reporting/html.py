"""Templates into html that nothing in its values can break: how every page of the house is made. A folder of the package
in, a jinja2 environment out; reads no data, writes no file."""

from __future__ import annotations

from cxr_fastai.core import package_file, printable

__all__ = ["environment"]


def environment(
    folder: str,  # of the package, that holds the templates
    **filters,  # beside `thousands`
):
    "Every text is escaped, and marks that would turn or hide what stands beside it are spelled out."
    import jinja2

    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader([package_file(folder), package_file("reporting")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda x: x if hasattr(x, "__html__") else printable(x),
    )
    env.filters.update(thousands="{:,}".format, **filters)
    return env
