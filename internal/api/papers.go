package api

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// paperRoute registers a route that answers a document.
func (a *API) paperRoute(o operation, run func(ctx context.Context, in *ByID) (*answer, error)) {
	o.method, o.status = http.MethodGet, http.StatusOK
	op := a.describeOp(o, typeOf[none]())
	op.Responses["200"].Content = map[string]*huma.MediaType{"application/pdf": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	huma.Register(a.huma, op, run)
}

// paper answers a document under a name.
func (a *API) paper(ctx context.Context, name string, write func(w io.Writer) error) *answer {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return a.refused(ctx, err)
	}
	return &answer{Status: http.StatusOK, ContentType: "application/pdf", Disposition: `inline; filename="` + name + `.pdf"`, Body: b.Bytes()}
}

var errNoDocuments = fault.New(fault.Unavailable, "this server makes no documents")

// creditNotePDF answers the document of a credit note.
func (a *API) creditNotePDF(ctx context.Context, in *ByID) (*answer, error) {
	n, err := id.Parse[id.CreditNote](in.ID)
	if err != nil {
		return a.refused(ctx, err), nil
	}
	found, err := a.r.CreditNote(ctx, callerOf(ctx).account.ID, n)
	if err != nil {
		return a.refused(ctx, err), nil
	}
	if a.o.CreditNotePDF == nil {
		return a.refused(ctx, errNoDocuments), nil
	}
	return a.paper(ctx, found.Note.Label(), func(w io.Writer) error { return a.o.CreditNotePDF(w, found) }), nil
}
