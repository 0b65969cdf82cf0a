"""Find secrets in text and hide them. Agent and server share this package; it does no I/O.

`forms` lists the shapes in which a secret shows up. `finding` finds them. `stream` replaces them in text that comes in
pieces. `covering` overwrites them in bytes that must keep their offsets. `messages` masks all texts of a message.

How the parts cover a text, of which each reader sees only a piece:

    values          "s3cret"                            from a vault, or a URL's user info (`url_secrets`)
      | forms       s3cret  czNjcmV0  ...               whatever tools print of it; the longest first
      v finding     one Finder for all forms
    text            | token=s3cret; Basic czNjc
                            ^^^^^^        ^^^^^
                            span          undecided_from: it could become czNjcmV0

    text that comes in pieces (Redactor, on the agent)      bytes by offset (Cover, on the server)

    fed    token=s3cret; Basic czNjc                        stored  token=s3cret; Basic czNjcmV0
    shown  token=***; Basic                                 shown   token=******; Basic ********
    held                       czNjc   until the next       from 9  ***; Basic ********
    fed    mV0 ok                      piece decides                |
    shown  *** ok                                                   left_over_until: it could be the end of s3cret

A mask is `***` where lengths may change, and as long as the secret where offsets must stay true. Spans that overlap get one
mask, so the result does not depend on where a text was cut. `masked_message` applies a function to each text of a message,
mostly `Redactor.redact`. In names of files the mask is `___`: see `Redactor.redact_name`.
"""

from cictl.redaction.covering import Cover, starred
from cictl.redaction.forms import forms_of, url_secrets
from cictl.redaction.messages import masked_message
from cictl.redaction.stream import Redactor

__all__ = ["Cover", "Redactor", "forms_of", "masked_message", "starred", "url_secrets"]
