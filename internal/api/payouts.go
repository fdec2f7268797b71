package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"perennial/internal/affiliate"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/report"
)

// PayoutWire is what is paid to one affiliate in one run, on the wire.
type PayoutWire struct {
	ID        string     `json:"id"`
	Run       string     `json:"run" doc:"The first payout of the run in which it was made."`
	Affiliate string     `json:"affiliate"`
	Amount    Money      `json:"amount"`
	PayPal    *string    `json:"paypal" doc:"Where it goes; null: it is in no file, and has to be paid otherwise."`
	State     string     `json:"state" enum:"ready,paid,undone"`
	Reference *string    `json:"reference" doc:"Of the transfer."`
	CreatedAt time.Time  `json:"created_at"`
	PaidAt    *time.Time `json:"paid_at"`
}

func payoutOf(p affiliate.Payout) PayoutWire {
	return PayoutWire{p.ID.String(), p.Run.String(), p.Affiliate.String(), moneyOf(p.Amount), textOf(p.PayPal), string(p.State), textOf(p.Reference), p.CreatedAt, timeOf(p.PaidAt)}
}

// PayoutDetail is a payout with the commissions that it pays.
type PayoutDetail struct {
	PayoutWire
	Commissions []CommissionWire `json:"commissions" doc:"None of one that was undone."`
}

// PayoutRun is what was set aside in one run.
type PayoutRun struct {
	Run     *string      `json:"run" doc:"Names the run; null when nothing was due."`
	Payouts []PayoutWire `json:"payouts"`
}

func payoutRunOf(list []affiliate.Payout) PayoutRun {
	out := PayoutRun{Payouts: []PayoutWire{}}
	for _, p := range list {
		out.Run = textOf(p.Run.String())
		out.Payouts = append(out.Payouts, payoutOf(p))
	}
	return out
}

func (a *API) payoutRoutes() {
	type filter struct {
		Page
		Affiliate string `query:"affiliate" maxLength:"40" doc:"Only to that affiliate."`
	}
	read(a, operation{id: "list-payouts", path: "/v1/payouts", tag: "Affiliates", summary: "What was paid to affiliates, or is about to be"},
		func(ctx context.Context, c caller, in *filter) (list[PayoutWire], error) {
			from, err := before[id.Payout](in.Page, "pyo")
			if err != nil {
				return list[PayoutWire]{}, err
			}
			who, err := parse[id.Affiliate]("query.affiliate", in.Affiliate)
			if err != nil {
				return list[PayoutWire]{}, err
			}
			rows, err := a.r.Payouts(ctx, c.account.ID, who, from, in.Limit+1)
			return paged(in.Page, "pyo", rows, func(p affiliate.Payout) int64 { return int64(p.ID) }, payoutOf), err
		})
	read(a, operation{id: "get-payout", path: "/v1/payouts/{id}", tag: "Affiliates", summary: "One payout, with the commissions that it pays"},
		func(ctx context.Context, c caller, in *ByID) (PayoutDetail, error) {
			v, err := id.Parse[id.Payout](in.ID)
			if err != nil {
				return PayoutDetail{}, err
			}
			found, err := a.r.Payout(ctx, c.account.ID, v)
			return a.payoutDetail(c, found), err
		})
	type payoutsAsked struct {
		Body struct {
			Currency string     `json:"currency" minLength:"3" maxLength:"3"`
			Until    *time.Time `json:"until,omitempty" doc:"Pay what fell due by then; left out: by now."`
			Minimum  int64      `json:"minimum,omitempty" minimum:"0" maximum:"10000000000000" doc:"Minor units; who is due less waits."`
		}
	}
	write(a, operation{id: "create-payouts", path: "/v1/payouts", tag: "Affiliates", summary: "Set aside what is due to affiliates in one currency",
		text: "A payout for each affiliate. The commissions in them are in no other run, until a payout is undone. Who is due nothing because more was taken back than earned is left out."},
		func(ctx context.Context, call commerce.Call, in *payoutsAsked) ([]affiliate.Payout, error) {
			var f fault.Fields
			currency, err := money.ParseCurrency(in.Body.Currency)
			f.Add("currency", err)
			until := instant(&f, "until", in.Body.Until)
			if err := f.Err(); err != nil {
				return nil, err
			}
			return a.s.PayOut(ctx, commerce.PayOut{Call: call, Currency: currency, Until: until, Minimum: in.Body.Minimum})
		}, payoutRunOf)
	type payoutPaid struct {
		ByID
		Body struct {
			Reference string `json:"reference,omitempty" maxLength:"200" doc:"Of the transfer."`
		}
	}
	settle := func(ctx context.Context, call commerce.Call, text, reference string, undo bool) (affiliate.Payout, error) {
		v, err := id.Parse[id.Payout](text)
		if err != nil {
			return affiliate.Payout{}, err
		}
		return a.s.SettlePayout(ctx, commerce.SettlePayout{Call: call, Payout: v, Reference: reference, Undo: undo})
	}
	write(a, operation{id: "mark-payout-paid", path: "/v1/payouts/{id}/mark-paid", status: http.StatusOK, tag: "Affiliates", summary: "Say that a payout was paid", text: "Saying it again changes nothing."},
		func(ctx context.Context, call commerce.Call, in *payoutPaid) (affiliate.Payout, error) {
			return settle(ctx, call, in.ID, in.Body.Reference, false)
		}, payoutOf)
	write(a, operation{id: "undo-payout", path: "/v1/payouts/{id}/undo", status: http.StatusOK, tag: "Affiliates", summary: "Undo a payout that was not paid", text: "Its commissions are owed as before."},
		func(ctx context.Context, call commerce.Call, in *ByID) (affiliate.Payout, error) {
			return settle(ctx, call, in.ID, "", true)
		}, payoutOf)
	a.payoutFileRoute()
}

func (a *API) payoutDetail(c caller, v report.PayoutView) PayoutDetail {
	out := PayoutDetail{payoutOf(v.Payout), []CommissionWire{}}
	spell := commissionOf(c.account.Now(a.o.Clock.Now()))
	for _, part := range v.Parts {
		out.Commissions = append(out.Commissions, spell(part))
	}
	return out
}

// payoutFile asks for a file of a run.
type payoutFile struct {
	ByID
	Part int `query:"part" default:"0" minimum:"0" maximum:"10000" doc:"Which file of the run, from 0: each holds at most 5,000 payments."`
}

func (a *API) payoutFileRoute() {
	o := operation{id: "get-payout-file", method: http.MethodGet, path: "/v1/payouts/{id}/paypal", status: http.StatusOK, tag: "Affiliates", summary: "The file for PayPal's mass payments of a payout's run",
		text: "A row for each payout of the run that has an address and was not undone: recipient, amount, currency, id, note, wallet. The same each time; empty beyond the last part."}
	op := a.describeOp(o, typeOf[none]())
	op.Responses["200"].Content = map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: "string"}}}
	huma.Register(a.huma, op, func(ctx context.Context, in *payoutFile) (*answer, error) {
		v, err := id.Parse[id.Payout](in.ID)
		if err != nil {
			return a.refused(ctx, err), nil
		}
		who := callerOf(ctx)
		rows, err := a.r.PayoutRun(ctx, who.account.ID, v)
		if err != nil {
			return a.refused(ctx, err), nil
		}
		var b bytes.Buffer
		if err := affiliate.WritePayPal(&b, rows, in.Part, "Commissions of "+who.account.Name); err != nil {
			return a.refused(ctx, err), nil
		}
		name := fmt.Sprintf("payouts-%s-%d.csv", rows[0].Run, in.Part+1)
		return &answer{Status: http.StatusOK, ContentType: "text/csv", Disposition: `attachment; filename="` + name + `"`, Body: b.Bytes()}, nil
	})
}
