package main

import (
	"net/http"

	"perennial/internal/compat/profitwell"
)

// profitWell is where clients of ProfitWell find the server, besides /profitwell of its own
// address.
type profitWell struct {
	Listen string `help:"Further address to listen on, for clients of ProfitWell alone." env:"PERENNIAL_PROFITWELL_LISTEN" placeholder:"HOST:PORT"`
	Host   string `help:"Name of a host that is served to clients of ProfitWell alone." env:"PERENNIAL_PROFITWELL_HOST" placeholder:"NAME"`
	Cert   string `help:"Certificate of the further address, a PEM file; with it the address speaks TLS." env:"PERENNIAL_PROFITWELL_CERT" placeholder:"FILE"`
	Key    string `help:"Key of that certificate, a PEM file." env:"PERENNIAL_PROFITWELL_KEY" placeholder:"FILE"`
	Rate   int    `help:"Requests that each token may make in five seconds." default:"1000" env:"PERENNIAL_PROFITWELL_RATE" placeholder:"N"`
}

func (c *profitWell) place() foreign { return foreign{"profitwell", c.Listen, c.Host, c.Cert, c.Key} }

// profitWell is the door for clients of ProfitWell.
func (h *house) profitWell(rate int) http.Handler {
	return profitwell.New(h.service, h.reader, profitwell.Options{Clock: h.clock, Log: h.log, Rate: rate})
}
