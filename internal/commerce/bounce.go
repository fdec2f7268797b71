package commerce

import (
	"context"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/notice"
)

// ReportBounce hands in a mail server's report that a mail did not arrive.
type ReportBounce struct {
	Call
	Message string // the report as it came by mail, with its header
}

// BounceNoted is what came of a report.
type BounceNoted struct {
	Mail       id.Delivery
	Recipients []BouncedRecipient
}

// BouncedRecipient is what a report meant for one recipient.
type BouncedRecipient struct {
	notice.Undelivered
	Suppressed bool // nothing is sent there any more
}

// ReportBounce takes a mail server's report (RFC 3464) about a mail of the account. When it
// says that there is no such inbox, nothing is sent there any more; whatever may pass
// changes nothing. Only what we sent can bounce: the report must name a mail of the
// account, and only its own recipient is believed of it.
func (s *Service) ReportBounce(ctx context.Context, c ReportBounce) (BounceNoted, error) {
	report, err := notice.ParseBounce([]byte(c.Message))
	if err != nil {
		return BounceNoted{}, err
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (BounceNoted, error) {
		noted := BounceNoted{Mail: report.Mail}
		e, err := notice.LoadEntry(tx, a.ID, report.Mail)
		if fault.Is(err, fault.NotFound) {
			return noted, fault.BadField("message", "must be about a mail of this account: what it returns names none by its Message-ID")
		}
		if err != nil {
			return noted, err
		}
		for _, u := range report.Recipients {
			one := BouncedRecipient{Undelivered: u, Suppressed: u.Hard() && strings.EqualFold(u.Address, e.Recipient)}
			noted.Recipients = append(noted.Recipients, one)
			if !one.Suppressed {
				continue
			}
			if err := bounced(tx, a, e, u.Reason, c.Actor, now); err != nil {
				return noted, err
			}
		}
		return noted, nil
	})
}

// bounced notes that there is no inbox where a mail was sent. What was noted before is not
// told again.
func bounced(tx *db.Tx, a account.Account, e notice.Entry, reason string, by event.Actor, now time.Time) error {
	stopped, err := notice.Suppressed(tx, a.ID, []string{e.Recipient})
	if err != nil {
		return err
	}
	if stopped[e.Recipient] == notice.Bounce {
		return nil
	}
	if _, err := suppress(tx, a, e.Recipient, notice.Bounce, by, now); err != nil {
		return err
	}
	return event.Append(tx, a.ID, event.New(a.ID, now, by, event.MailBounced, int64(e.ID), e.Customer,
		event.Data(map[string]any{"address": e.Recipient, "mail": e.Kind, "reason": reason})))
}
