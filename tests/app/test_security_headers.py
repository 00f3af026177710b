"""The headers that every answer has.

python -m pytest tests/app/test_security_headers.py
"""

from starlette.responses import Response

from cxr_fastai.app.security_headers import CSP, SECURITY_HEADERS, secured


def test_an_answer_gets_all_of_them_and_keeps_its_own():
    answer = secured(Response("x", headers={"Cache-Control": "max-age=60"}), https=False)
    assert answer.headers["cache-control"] == "max-age=60"
    for name in set(SECURITY_HEADERS) - {"cache-control"}:
        assert answer.headers[name] == SECURITY_HEADERS[name]
    assert "strict-transport-security" not in answer.headers


def test_https_is_kept_only_where_it_is_spoken():
    assert (
        secured(Response("x"), https=True)
        .headers["strict-transport-security"]
        .startswith("max-age=")
    )


def test_nothing_from_elsewhere_no_inline_script_no_frame():
    rules = dict(rule.strip().split(" ", 1) for rule in CSP.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert (
        rules["script-src"]
        == rules["style-src"]
        == rules["connect-src"]
        == rules["form-action"]
        == "'self'"
    )
    assert rules["img-src"] == "'self' data: blob:" and "unsafe" not in CSP and "*" not in CSP
