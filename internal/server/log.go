package server

import (
	"io"
	"log/slog"
)

// NewLog makes the log of the program: a JSON object a line, which nothing inside
// a text can break out of, and without secrets.
func NewLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: redacted}))
}
