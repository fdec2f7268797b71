package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"perennial/internal/outbox"
	"perennial/internal/report"
)

// standsMails is "KIND KIND … [in LANGUAGE] [saying TEXT]": the mails to the customer
// since the line before that asked for them, in order, or "none". One that was not
// written has "(failed)" behind it. Saying is about the last of them.
func (s *story) standsMails(ctx context.Context, who whose, w *words) error {
	if err := s.stage.Service.SettleMails(ctx, s.call.Account); err != nil {
		return err
	}
	list, err := s.stage.Reader.Mails(ctx, s.call.Account, report.MailQuery{Customer: who.id, Limit: 1000})
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(m report.MailView) bool { return m.ID <= s.mailed[who.id] })
	slices.Reverse(list)
	var have []string
	language := ""
	for _, m := range list {
		kind := string(m.Kind)
		if m.Delivery.State == outbox.Dead {
			kind += "(failed)"
		}
		have = append(have, kind)
		language = m.Language
		s.mailed[who.id] = max(s.mailed[who.id], m.ID)
	}
	if w.is("none") {
		if len(have) > 0 {
			w.fail("these were written: %s", strings.Join(have, " "))
		}
		return w.end()
	}
	var want []string
	for len(w.left) > 0 && w.left[0] != "in" && w.left[0] != "saying" {
		want = append(want, w.word("a mail"))
	}
	if !slices.Equal(have, want) {
		w.fail("these were written: %s", strings.Join(have, " "))
	}
	if w.is("in") {
		if tag := w.word("a language"); tag != language {
			w.fail("it is written in %s", language)
		}
	}
	if w.is("saying") && w.err == nil {
		text := w.word("a text")
		m, err := s.stage.Reader.Mail(ctx, s.call.Account, list[len(list)-1].ID)
		if err != nil {
			return err
		}
		whole := strings.ReplaceAll(m.Subject+"\n"+m.Message.Text, "\u00a0", " ")
		if !strings.Contains(whole, text) {
			return fmt.Errorf("it says:\n%s", whole)
		}
	}
	return w.end()
}
