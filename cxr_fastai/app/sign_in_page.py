"""The page that asks for the server's token. Words in, html out; it knows no token."""

from __future__ import annotations

from fasthtml import components as ft

from cxr_fastai.app.page_parts import frame, text_of, theme_choice

__all__ = ["sign_in_page"]


def sign_in_page(
    message: str = "",  # why the last try failed
) -> str:
    """Write the page; its form posts `token` to /sign-in."""
    failed = [ft.P(*text_of(message), cls="box warn", role="alert", id="failed")] if message else []
    described = {"aria_describedby": "failed"} if message else {}
    token = ft.Input(
        type="password",
        id="token",
        name="token",
        required=True,
        autofocus=True,
        autocomplete="current-password",
        **described,
    )
    form = ft.Form(
        ft.Label("Token of this server", fr="token"),
        token,
        ft.Button("Sign in", type="submit"),
        method="post",
        action="/sign-in",
        cls="sign-in",
    )
    main = ft.Main(
        ft.H2("Sign in"),
        ft.P("Whoever runs this server has its token."),
        *failed,
        form,
        id="work",
        tabindex="-1",
    )
    return frame("Sign in", [ft.H1("Chest radiographs"), theme_choice()], [main])
