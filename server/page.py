"""Gradio's page on the application; the one module here that loads Gradio, which takes seconds."""

import os
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

import ui
from server.public import Public
from ui.page import build_page

STATIC = Path(ui.__file__).parent / "static"


def mount_page(app: FastAPI, public: Public) -> None:
    """Put the page at `/`, and its scripts at `/ui`."""
    app.mount("/ui", StaticFiles(directory=STATIC), name="ui")
    # What Gradio would do by default: count its starts at its maker's, and offer links there.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    gr.mount_gradio_app(
        app,
        build_page(app.state.collections),
        path="/",
        root_path=public.prefix or None,
        footer_links=[],
        run_history=False,
        show_error=True,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        allowed_paths=[],
        max_file_size=1,  # files come by our own route
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        head='<link rel="stylesheet" href="ui/style.css"><script src="ui/chat.js" defer></script>'
        '<script src="ui/documents.js" defer></script>',
        js=None,
    )
