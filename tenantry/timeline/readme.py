"""README.txt of a bundle: tells a stranger what it is, and how to check it with public tools alone.

Lines that begin with seven spaces, and the program between the two lines that say END, are commands for a POSIX shell in the
bundle's folder; a test runs them all.
"""

from __future__ import annotations

from typing import Final

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

2. The checksums are the ones in the statement (their digest is printed, or
   nothing if it is not there), and the files are theirs:

       grep -o "$(openssl dgst -sha256 -r SHA256SUMS | cut -d ' ' -f 1)" "$T/statement"
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
   For the first entry (its leaf is printed, or nothing if it is another):

       L=$({{ printf '\\000'; head -n 1 entries.jsonl | tr -d '\\n'; }} | openssl dgst -sha256 -r | cut -d ' ' -f 1)
       head -n 1 proof/inclusion.jsonl | grep -o "\\"leaf\\":\\"$L\\""

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

Steps 4 to 6 for every line, with Python 3 and nothing else. Read it before you
run it: it is the algorithm of RFC 9162, 2.1.3.2, and what is said above.

{_PROGRAM}
{_stamps(found)}"""


_PROGRAM: Final = """\
python3 - <<'END'
import base64, hashlib, json

def sha256(data):
    return hashlib.sha256(data).digest()

def root(leaf, at, size, path):
    last, found = size - 1, leaf
    for step in map(bytes.fromhex, path):
        if at % 2 or at == last:
            found = sha256(bytes([1]) + step + found)
            while at and at % 2 == 0:
                at, last = at // 2, last // 2
        else:
            found = sha256(bytes([1]) + found + step)
        at, last = at // 2, last // 2
    return found if last == 0 else None

def lines(name):
    return open(name, "rb").read().split(bytes([10]))[:-1]

def rows(name):
    return [json.loads(line) for line in lines(name)]

def checkpoint(name):
    return int(lines(name)[1]), base64.b64decode(lines(name)[2])

def ordered(value):
    if isinstance(value, dict):
        return {k: ordered(value[k]) for k in sorted(value, key=lambda k: k.encode("utf-16-be"))}
    return [ordered(one) for one in value] if isinstance(value, list) else value

def digest(salt, payload):
    text = json.dumps(ordered(payload), ensure_ascii=False, separators=(",", ":"))
    return sha256(bytes.fromhex(salt) + text.encode()).hex()

def must(true, what):
    if not true:
        raise SystemExit("WRONG: " + what)

entries, proofs, payloads = lines("entries.jsonl"), rows("proof/inclusion.jsonl"), rows("payloads.jsonl")
must(len(entries) == len(proofs) == len(payloads) > 0, "the files differ in length")
size, top = checkpoint("proof/checkpoint.txt")
collected, erased = set(), 0
for number, (entry, proof, row) in enumerate(zip(entries, proofs, payloads), 1):
    must(root(sha256(bytes([0]) + entry), proof["index"], size, proof["path"]) == top, "entry %d" % number)
    said, payload = json.loads(entry), row["payload"]
    must(said["id"] == row["id"] and said["seq"] == proof["index"], "entry %d" % number)
    if payload is None:
        erased += 1
        continue
    must(digest(row["salt"], payload) == said["payload_digest"], "payload %d" % number)
    if said["event"] == "step.outcome":
        collected.update(piece["sha256"] for piece in payload.get("evidence") or ())
for piece in json.load(open("evidence.json", encoding="utf-8")):
    must(erased or piece["sha256"] in collected, piece["file"])
    must(hashlib.sha256(open(piece["file"], "rb").read()).hexdigest() == piece["sha256"], piece["file"])
witness = json.load(open("proof/witness.json", encoding="utf-8"))
estate, summit = checkpoint("proof/estate.txt")
leaf = sha256(bytes([0]) + witness["entry"].encode())
must(root(leaf, witness["index"], estate, witness["path"]) == summit, "the witness")
must(digest(witness["salt"], witness["payload"]) == json.loads(witness["entry"])["payload_digest"], "the witness")
must((witness["payload"]["size"], witness["payload"]["root"]) == (size, top.hex()), "the checkpoint witnessed")
print(len(entries), "entries and the witness are in the signed trees;", erased, "payloads were erased")
END"""


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
