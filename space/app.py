"""`kerazoo app` as a Space of Hugging Face: all who open it can use it."""

import os

from kerazoo.app.serve import PORT, serve

if __name__ == "__main__":
    # A Space is reached through its own proxy; GRADIO_SERVER_PORT is for trying this elsewhere.
    serve(host="0.0.0.0", port=int(os.environ.get("GRADIO_SERVER_PORT", PORT)))
