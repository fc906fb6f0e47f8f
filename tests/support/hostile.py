"""Bodies that no client should send."""

DEEP = 200_000
DIGITS = "9" * 10_000
NAMES = ("content", "text", "message", "chat_id", "contactId", "from", "userId")


def body(value: str, to: str) -> bytes:
    fields = [f'"{name}": {value}' for name in NAMES]
    return f'{{{", ".join(fields)}, "to": {to}}}'.encode()


BODIES = {
    "nothing": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"content": "\xff\xfe"}',
    "brackets": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "lone surrogates": body(r'"\ud800"', r'["\udfff"]'),
    "a lone surrogate in a message": rb'{"content": "\ud800", "text": "\ud800", "message": "\ud800", "from": "PN1", '
    rb'"to": ["+12125550132"], "chat_id": 1, "contactId": "1", "type": "SMS", "n": 1, "words": ["\ud800"]}',
    "NUL": body(r'"\u0000"', r'["\u0000"]'),
    "numbers of many digits": body(DIGITS, f"[{DIGITS}]"),
    "texts of many digits": f'{{"chat_id": "{DIGITS}", "text": "Hi", "to": ["+{DIGITS}"], "content": "Hi"}}'.encode(),
    "digits of another script": rb'{"chat_id": "\u00b2", "text": "Hi", "to": ["+1\u00b2"], "content": "Hi"}',
    "no numbers": body("1e999", "NaN"),
    "objects": body('{"a": []}', '{"b": null}'),
    "arrays": body("[1]", "[[], {}]"),
    "an array": b'[1, "a", null]',
}
