"""README.txt of a bundle: tells a stranger what it is, and how to check it with public tools alone.

Lines that begin with seven spaces are commands for a POSIX shell in the bundle's folder; a test runs them all.
"""

from __future__ import annotations

from tenantry.journal import Witnessed
from tenantry.timeline.columns import visible
from tenantry.timeline.formats import FORMATS
from tenantry.timeline.model import Timeline
from tenantry.timeline.words import moment

__all__ = ["readme"]


def readme(t: Timeline, found: Witnessed, entries: int, evidence: int) -> str:
    """The text.

    Args:
        entries: lines of entries.jsonl.
        evidence: files in evidence/.
    """
    return "\n".join(
        (_what(t), _contents(entries, evidence), _signer(found), _steps(found, entries), _tools(found), _limits())
    )


def _what(t: Timeline) -> str:
    return f"""\
{visible(t.title)}: {visible(t.subject or t.tenant_title)}
{"=" * 72}

This folder holds what was recorded and collected in one run of a runbook.

    Client        {visible(t.tenant_title)}
    Run           {t.run_id}
    Runbook       {t.runbook} {t.version} (SHA-256 of its text: {t.record.runbook_digest})
    Status        {t.status}
    Started       {moment(t.started_at)}
    Ended         {moment(t.ended_at) if t.ended_at else "not ended when this was exported"}
    Record as of  {moment(t.record.as_of)}

Begin with timeline/timeline.html: it opens in any browser, asks nothing of
the network, and tells what happened in plain words and pictures.
"""


def _contents(entries: int, evidence: int) -> str:
    return f"""\
What is here
------------
timeline/         The same timeline in several formats ({", ".join(FORMATS)}).
                  csv is for spreadsheets (cells that a spreadsheet would run
                  as formulas begin with an apostrophe); jsonl is unaltered.
run.json          The run: each step, its outcome, and who approved what.
entries.jsonl     The {entries} entries of the run in the record, one a line,
                  byte for byte as they were hashed. They name no person.
payloads.jsonl    What those entries stand for, by the entry's id. Where the
                  payload is null it was erased, and the entry still counts.
evidence/         The {evidence} files collected from the client's systems, as
                  they were received.
evidence.json     Which file is which, with its SHA-256 as the record has it.
proof/            Signed checkpoints of the record, proofs that the entries
                  are in it, the public keys, time stamps if there are any.
SHA256SUMS        Checksums of every file above.
attestation.dsse.json
                  A signed statement over SHA256SUMS and the run.
"""


def _signer(found: Witnessed) -> str:
    keys = "\n".join(
        f"    key {key.epoch}, in force from entry {key.from_index} of the estate's tree ({key.since}):\n    {key.fingerprint}"
        for key in found.keys
    )
    return f"""\
Whose signature it is
---------------------
The keys that come with this folder prove nothing about who made it: anybody
can put keys into a folder. Ask the provider for the fingerprints on another
way (by telephone, from a contract, from an earlier bundle), and compare:

{keys}

That is the SHA-256 of the public key, which this prints too:

       openssl pkey -pubin -in proof/key-{found.stored.epoch}.pem -outform DER | openssl dgst -sha256
"""


def _steps(found: Witnessed, entries: int) -> str:
    epoch, estate = found.stored.epoch, found.estate.epoch
    return f"""\
How to check it, with a shell and OpenSSL 3
-------------------------------------------
T is a folder for intermediate files.

       T=$(mktemp -d)

1. The statement is signed. DSSE signs "DSSEv1", the lengths and the contents
   of payload type and payload, with a space between them (an in-toto
   statement; https://github.com/secure-systems-lab/dsse):

       sed -n 's/^ "payload": "\\(.*\\)",$/\\1/p' attestation.dsse.json | openssl base64 -d -A > "$T/statement"
       sed -n 's/^   "sig": "\\(.*\\)"$/\\1/p' attestation.dsse.json | openssl base64 -d -A > "$T/signature"
       printf 'DSSEv1 28 application/vnd.in-toto+json %d ' $(wc -c < "$T/statement") | cat - "$T/statement" > "$T/signed"
       openssl pkeyutl -verify -pubin -inkey proof/key-{estate}.pem -rawin -in "$T/signed" -sigfile "$T/signature"

2. The checksums are the ones in the statement, and the files are theirs:

       grep -q "$(openssl dgst -sha256 -r SHA256SUMS | cut -d ' ' -f 1)" "$T/statement"
       sha256sum -c SHA256SUMS          # on macOS: shasum -a 256 -c SHA256SUMS

3. The checkpoint of the client's record is signed (a C2SP signed note,
   https://c2sp.org/signed-note; the signature is over its first three lines),
   and so is the checkpoint of the provider's own record:

       head -n 3 proof/checkpoint.txt > "$T/text"
       tail -n 1 proof/checkpoint.txt | cut -d ' ' -f 3 | openssl base64 -d -A | tail -c 64 > "$T/sig"
       openssl pkeyutl -verify -pubin -inkey proof/key-{epoch}.pem -rawin -in "$T/text" -sigfile "$T/sig"
       head -n 3 proof/estate.txt > "$T/text"
       tail -n 1 proof/estate.txt | cut -d ' ' -f 3 | openssl base64 -d -A | tail -c 64 > "$T/sig"
       openssl pkeyutl -verify -pubin -inkey proof/key-{estate}.pem -rawin -in "$T/text" -sigfile "$T/sig"

4. The entries are in the client's record. The leaf of an entry is the SHA-256
   of one zero byte and the line's bytes without the line's end (RFC 6962).
   For the first entry:

       L=$({{ printf '\\000'; head -n 1 entries.jsonl | tr -d '\\n'; }} | openssl dgst -sha256 -r | cut -d ' ' -f 1)
       head -n 1 proof/inclusion.jsonl | grep -q "\\"leaf\\":\\"$L\\""

   From the leaf, "index", "path" and the checkpoint's size and root (base64),
   any tool for RFC 6962 shows that the entry is in the tree; so for all
   {entries} lines. "entry" in proof/witness.json is, in the same way, in the tree
   of proof/estate.txt, and its payload names size and root of the client's
   checkpoint: the provider recorded that it signed this, and when.

5. A payload is the entry's own: "payload_digest" in the entry is the SHA-256
   of the salt (hex in payloads.jsonl) and the payload as canonical JSON
   (RFC 8785, JCS).

6. The evidence is what was collected: the digests in evidence.json stand in
   the payload of the step that collected the file, under "evidence".
{_stamps(found)}"""


def _stamps(found: Witnessed) -> str:
    if not found.timestamps:
        return """
7. No outside time stamp came with this checkpoint. That it existed at a time
   is shown by whoever received it then.
"""
    return """
7. The time stamps (RFC 3161) over proof/checkpoint.txt, against the
   authority's own certificates:

    openssl ts -verify -data proof/checkpoint.txt -in FILE.tsr -CAfile AUTHORITY.pem
"""


def _tools(found: Witnessed) -> str:
    return f"""\
Tools by others for step 4
--------------------------
Go      golang.org/x/mod/sumdb: note.Open with the verifier key below, then
        tlog.CheckRecord and tlog.CheckTree with the hashes of the proofs
Python  pymerkle (verify_inclusion, verify_consistency)
Any     C2SP tlog-checkpoint, https://c2sp.org/tlog-checkpoint

    {found.vkey}

A checkpoint received earlier can be compared with this one: proof/earlier.jsonl
has earlier ones, each with its consistency proof ("path") to this one.
"""


def _limits() -> str:
    return """\
What this shows, and what not
-----------------------------
It shows that these entries and files are those that the holder of the key
recorded, none of them changed, added or taken out since the checkpoint was
signed. It does not show that a record was complete when it was written, nor, by
itself, that the holder of the key did not keep two records: that is what time
stamps, and checkpoints received earlier, are for.

The data here is personal and confidential. Names in it may have been chosen by
an attacker: open the files in evidence/ with care.
"""
