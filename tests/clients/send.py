"""Sends one person update and one PDF with requests, as an integrator would. Prints status and body."""

import sys

import requests

url, key, pdf, name = sys.argv[1:]
with open(pdf, "rb") as file:
    answer = requests.put(
        url,
        headers={"x-functions-key": key},
        files=[
            ("person", (None, '{"userPrincipalName":"joe@company.com","phone":"1"}', "application/json")),
            ("file", (name, file, "application/pdf")),
        ],
        timeout=60,
    )
print(answer.status_code, answer.text)
