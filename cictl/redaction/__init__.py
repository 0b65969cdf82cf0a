"""Finding secrets in text and hiding them: pure functions of text, which agent and server share.

`forms` knows in which shapes a secret shows up, `finding` finds them, `stream` replaces them in text that comes in pieces,
`covering` overwrites them in bytes that have to keep their places, `messages` masks whole messages.
"""

from cictl.redaction.covering import Cover, starred
from cictl.redaction.forms import forms_of, url_secrets
from cictl.redaction.messages import masked_message
from cictl.redaction.stream import Redactor

__all__ = ["Cover", "Redactor", "forms_of", "masked_message", "starred", "url_secrets"]
