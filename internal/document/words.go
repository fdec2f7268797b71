package document

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/money"
)

// words are the fixed words of the papers in one language. Every field is
// filled in every language; a test sees to it.
type words struct {
	tag                                                 language.Tag
	Invoice, Receipt, Sample                            string
	Number, Issued, Service, Due                        string
	BillTo                                              string
	Description, Quantity, UnitPrice, Discount, TaxRate string
	Amount, Subtotal, Tax, Base, Total                  string
	Paid, Credit, AmountDue                             string
	Terms, Bank, Contact, NextCharge, Continued         string

	DueOn, PaidOn  string // key line: amount, day
	PaidBy, PaidAt string // row of a payment: method and day, or day alone
	NextOn         string // amount, day
	Page           string // this page, all pages
	Day            string // {d} {m} {y}
	First          string // the first of a month, where a language writes it otherwise
	Months         [12]string
	decimal        string // sign between whole and fraction
	percent        string // pattern of a rate
}

// spoken holds the languages of the fixed words; the first is the fallback.
var spoken = []words{english, german, french, spanish, greek, bulgarian}

var matcher = func() language.Matcher {
	tags := make([]language.Tag, len(spoken))
	for i, w := range spoken {
		tags[i] = w.tag
	}
	return language.NewMatcher(tags)
}()

// wordsFor returns the words nearest to a language, and the language in which
// amounts are to be written: the one asked for when its words are known, so that
// Swiss German keeps its Swiss separators, else that of the words.
func wordsFor(tag language.Tag) (words, language.Tag) {
	_, i, confidence := matcher.Match(tag)
	w := spoken[i]
	if confidence == language.No {
		return w, w.tag
	}
	if base, _ := tag.Base(); base.String() == "en" {
		if region, c := tag.Region(); c == language.Exact && (region.String() == "US" || region.String() == "PH") {
			w.Day = "{m} {d}, {y}"
		}
	}
	return w, tag
}

func (w words) title(k Kind) string {
	if k == KindReceipt {
		return w.Receipt
	}
	return w.Invoice
}

// day writes the day on which t lies in its own location.
func (w words) day(t time.Time) string {
	d := fmt.Sprint(t.Day())
	if t.Day() == 1 && w.First != "" {
		d = w.First
	}
	return strings.NewReplacer("{d}", d, "{m}", w.Months[t.Month()-1], "{y}", fmt.Sprint(t.Year()), " ", nbsp).Replace(w.Day)
}

// span writes the first and the last day of a stretch of time, or nothing.
func (w words) span(s Span) string {
	if s.From.IsZero() {
		return ""
	}
	last := s.Until.Add(-time.Microsecond)
	if last.Before(s.From) || w.day(s.From) == w.day(last) {
		return w.day(s.From)
	}
	return w.day(s.From) + " – " + w.day(last)
}

func (w words) rate(r money.Rate) string {
	return fmt.Sprintf(w.percent, strings.Replace(r.Percent(), ".", w.decimal, 1))
}

func (w words) number(d money.Decimal) string { return strings.Replace(d.String(), ".", w.decimal, 1) }

// unitPrice writes a price below the smallest coin with all its decimals.
func (w words) unitPrice(p money.UnitPrice, tag language.Tag) string {
	if a, err := money.ParseMajor(p.String(), p.Currency); err == nil {
		return a.Format(tag)
	}
	return w.number(p.Major) + nbsp + string(p.Currency)
}

const nbsp = "\u00a0"

var english = words{
	tag: language.English, Invoice: "Invoice", Receipt: "Receipt", Sample: "SAMPLE, no invoice",
	Number: "Number", Issued: "Issue date", Service: "Service period", Due: "Due date",
	BillTo:      "Bill to",
	Description: "Description", Quantity: "Quantity", UnitPrice: "Unit price", Discount: "Discount", TaxRate: "Tax rate",
	Amount: "Amount", Subtotal: "Subtotal", Tax: "Tax", Base: "Net amount", Total: "Total",
	Paid: "Paid", Credit: "Credit used", AmountDue: "Amount due",
	Terms: "Payment terms", Bank: "Bank details", Contact: "Questions", NextCharge: "Next charge", Continued: "continued",
	DueOn: "%s due on %s", PaidOn: "%s paid on %s", PaidBy: "Paid by %s on %s", PaidAt: "Paid on %s", NextOn: "%s on %s",
	Page: "Page %d of %d", Day: "{d} {m} {y}",
	Months: [12]string{"January", "February", "March", "April", "May", "June", "July",
		"August", "September", "October", "November", "December"},
	decimal: ".", percent: "%s%%",
}

var german = words{
	tag: language.German, Invoice: "Rechnung", Receipt: "Zahlungsbeleg", Sample: "MUSTER, keine Rechnung",
	Number: "Nummer", Issued: "Rechnungsdatum", Service: "Leistungszeitraum", Due: "Fällig am",
	BillTo:      "Rechnung an",
	Description: "Bezeichnung", Quantity: "Menge", UnitPrice: "Einzelpreis", Discount: "Rabatt", TaxRate: "Steuersatz",
	Amount: "Betrag", Subtotal: "Zwischensumme", Tax: "Steuer", Base: "Nettobetrag", Total: "Gesamtbetrag",
	Paid: "Bezahlt", Credit: "Verrechnetes Guthaben", AmountDue: "Offener Betrag",
	Terms: "Zahlungsbedingungen", Bank: "Bankverbindung", Contact: "Fragen", NextCharge: "Nächste Abbuchung", Continued: "Fortsetzung",
	DueOn: "%s fällig am %s", PaidOn: "%s bezahlt am %s", PaidBy: "Bezahlt mit %s am %s", PaidAt: "Bezahlt am %s", NextOn: "%s am %s",
	Page: "Seite %d von %d", Day: "{d}. {m} {y}",
	Months: [12]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli",
		"August", "September", "Oktober", "November", "Dezember"},
	decimal: ",", percent: "%s" + nbsp + "%%",
}

var french = words{
	tag: language.French, Invoice: "Facture", Receipt: "Reçu", Sample: "SPÉCIMEN, pas une facture",
	Number: "Numéro", Issued: "Date d’émission", Service: "Période de service", Due: "Échéance",
	BillTo:      "Facturé à",
	Description: "Désignation", Quantity: "Quantité", UnitPrice: "Prix unitaire", Discount: "Remise", TaxRate: "Taux de taxe",
	Amount: "Montant", Subtotal: "Sous-total", Tax: "Taxe", Base: "Montant HT", Total: "Total TTC",
	Paid: "Payé", Credit: "Avoir utilisé", AmountDue: "Reste à payer",
	Terms: "Conditions de paiement", Bank: "Coordonnées bancaires", Contact: "Questions", NextCharge: "Prochain prélèvement", Continued: "suite",
	DueOn: "%s à payer avant le %s", PaidOn: "%s payés le %s", PaidBy: "Payé par %s le %s", PaidAt: "Payé le %s", NextOn: "%s le %s",
	Page: "Page %d sur %d", Day: "{d} {m} {y}", First: "1er",
	Months: [12]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet",
		"août", "septembre", "octobre", "novembre", "décembre"},
	decimal: ",", percent: "%s" + nbsp + "%%",
}

var spanish = words{
	tag: language.Spanish, Invoice: "Factura", Receipt: "Recibo", Sample: "MUESTRA, no es factura",
	Number: "Número", Issued: "Fecha de emisión", Service: "Periodo de servicio", Due: "Vencimiento",
	BillTo:      "Facturar a",
	Description: "Descripción", Quantity: "Cantidad", UnitPrice: "Precio unitario", Discount: "Descuento", TaxRate: "Tipo",
	Amount: "Importe", Subtotal: "Subtotal", Tax: "Impuesto", Base: "Base imponible", Total: "Total",
	Paid: "Pagado", Credit: "Saldo aplicado", AmountDue: "Importe pendiente",
	Terms: "Condiciones de pago", Bank: "Datos bancarios", Contact: "Preguntas", NextCharge: "Próximo cobro", Continued: "continuación",
	DueOn: "%s, vence el %s", PaidOn: "%s, pagado el %s", PaidBy: "Pagado con %s el %s", PaidAt: "Pagado el %s", NextOn: "%s el %s",
	Page: "Página %d de %d", Day: "{d} de {m} de {y}",
	Months: [12]string{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio",
		"agosto", "septiembre", "octubre", "noviembre", "diciembre"},
	decimal: ",", percent: "%s" + nbsp + "%%",
}

var greek = words{
	tag: language.Greek, Invoice: "Τιμολόγιο", Receipt: "Απόδειξη", Sample: "ΔΕΙΓΜΑ, όχι τιμολόγιο",
	Number: "Αριθμός", Issued: "Ημερομηνία έκδοσης", Service: "Περίοδος παροχής", Due: "Λήξη πληρωμής",
	BillTo:      "Προς",
	Description: "Περιγραφή", Quantity: "Ποσότητα", UnitPrice: "Τιμή μονάδας", Discount: "Έκπτωση", TaxRate: "Συντελεστής",
	Amount: "Ποσό", Subtotal: "Μερικό σύνολο", Tax: "Φόρος", Base: "Καθαρή αξία", Total: "Σύνολο",
	Paid: "Πληρωμένο", Credit: "Πιστωτικό υπόλοιπο", AmountDue: "Πληρωτέο ποσό",
	Terms: "Όροι πληρωμής", Bank: "Τραπεζικά στοιχεία", Contact: "Ερωτήσεις", NextCharge: "Επόμενη χρέωση", Continued: "συνέχεια",
	DueOn: "%s πληρωτέα έως %s", PaidOn: "%s πληρώθηκαν στις %s", PaidBy: "Πληρωμή με %s στις %s", PaidAt: "Πληρωμή στις %s", NextOn: "%s στις %s",
	Page: "Σελίδα %d από %d", Day: "{d} {m} {y}",
	Months: [12]string{"Ιανουαρίου", "Φεβρουαρίου", "Μαρτίου", "Απριλίου", "Μαΐου", "Ιουνίου", "Ιουλίου",
		"Αυγούστου", "Σεπτεμβρίου", "Οκτωβρίου", "Νοεμβρίου", "Δεκεμβρίου"},
	decimal: ",", percent: "%s%%",
}

var bulgarian = words{
	tag: language.Bulgarian, Invoice: "Фактура", Receipt: "Разписка", Sample: "ОБРАЗЕЦ, не е фактура",
	Number: "Номер", Issued: "Дата на издаване", Service: "Период на услугата", Due: "Срок за плащане",
	BillTo:      "Получател",
	Description: "Описание", Quantity: "Количество", UnitPrice: "Единична цена", Discount: "Отстъпка", TaxRate: "Ставка",
	Amount: "Сума", Subtotal: "Междинна сума", Tax: "Данък", Base: "Данъчна основа", Total: "Общо",
	Paid: "Платено", Credit: "Използван кредит", AmountDue: "Сума за плащане",
	Terms: "Условия за плащане", Bank: "Банкови данни", Contact: "Въпроси", NextCharge: "Следващо таксуване", Continued: "продължение",
	DueOn: "%s за плащане до %s", PaidOn: "%s, платено на %s", PaidBy: "Платено с %s на %s", PaidAt: "Платено на %s", NextOn: "%s на %s",
	Page: "Страница %d от %d", Day: "{d} {m} {y} г.",
	Months: [12]string{"януари", "февруари", "март", "април", "май", "юни", "юли",
		"август", "септември", "октомври", "ноември", "декември"},
	decimal: ",", percent: "%s" + nbsp + "%%",
}
