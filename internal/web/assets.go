package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed assets/*.css assets/*.js assets/*.svg
var assetFiles embed.FS

type asset struct {
	hash        string
	contentType string
	plain       []byte
	gzipped     []byte
}

// assets holds every file with its hash and its compressed form. It is built on
// first use: some 150 KB, a few milliseconds, once per process.
var assets = sync.OnceValue(func() map[string]asset {
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // the files are part of the binary
	}
	out := make(map[string]asset, len(entries))
	for _, e := range entries {
		plain, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(plain)
		out[e.Name()] = asset{hex.EncodeToString(sum[:6]), contentType(e.Name()), plain, compressed(plain)}
	}
	return out
})

func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func compressed(plain []byte) []byte {
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	if _, err := zw.Write(plain); err != nil {
		panic(err) // a buffer takes everything
	}
	if err := zw.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// AssetPath is the address of an asset, for example
// "/assets/3f2a….dashboard.css". The hash in it changes with the content. A name
// that does not exist panics, because it is always written in the source.
func AssetPath(name string) string {
	a, ok := assets()[name]
	if !ok {
		panic("no asset " + name)
	}
	return "/assets/" + a.hash + "." + name
}

// Assets serves the files at the addresses that AssetPath gives. Answers may be
// kept for ever; an address with an old hash is not found.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/assets/"), ".")
		a, ok := assets()[name]
		if !ok || a.hash != hash {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.contentType)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		body := a.plain
		if acceptsGzip(r) && len(a.gzipped) < len(a.plain) {
			h.Set("Content-Encoding", "gzip")
			body = a.gzipped
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodGet {
			_, _ = w.Write(body) // a reader that left needs no answer
		}
	})
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.TrimSpace(q) != "q=0" {
			return true
		}
	}
	return false
}
