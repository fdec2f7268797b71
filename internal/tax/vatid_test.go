package tax

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/fault"
)

// Numbers that companies print on their own pages and documents, that authorities use
// as examples, and constructed ones for forms that private persons have.
var known = map[string][]string{
	"AT": {"ATU33864707", "ATU13585627"},
	"BE": {"BE0417497106", "BE0428759497", "BE 0403.019.261"},
	"BG": {"BG831642181", "BG175074752", "BG7523169263", "BG8032056031"},
	"CY": {"CY10259033P"},
	"CZ": {"CZ00177041", "CZ45274649", "CZ25123891", "CZ7103192745", "CZ640903926"},
	"DE": {"DE129273398", "DE143454214", "DE129274202", "DE 136 695 976"},
	"DK": {"DK22756214", "DK24256790", "DK54562519", "DK61056416"},
	"EE": {"EE100931558", "EE100594102", "EE102090374"},
	"ES": {"ESA28015865", "ESA15075062", "ESB58378431", "ES54362315K", "ESX2482300W"},
	"FI": {"FI01120389", "FI20774740"},
	"FR": {"FR40303265045", "FR83404833048", "FR64443061841", "FR23334175221", "FRK7399859412"},
	"GR": {"EL094019245", "EL 094259216", "GR094019245", "094019245"},
	"HR": {"HR27759560625", "HR81793146560"},
	"HU": {"HU10625790", "HU10537914", "HU12892312"},
	"IE": {"IE6388047V", "IE9700053D", "IE9692928F", "IE8D79739I", "IE3628739UA"},
	"IT": {"IT00743110157", "IT00905811006", "IT00159560366"},
	"LT": {"LT212154314", "LT119511515", "LT100001919017", "LT100004801610"},
	"LU": {"LU20260743", "LU22046007", "LU15027442"},
	"LV": {"LV40003521600", "LV40003245752", "LV40003032949", "LV16117519997"},
	"MT": {"MT11679112"},
	"NL": {"NL004495445B01", "NL009291477B01", "NL000099998B57"},
	"PL": {"PL7740001454", "PL5252674798", "PL8567346215"},
	"PT": {"PT500697256", "PT504499777", "PT500278725", "PT501964843"},
	"RO": {"RO1590082", "RO5022670", "RO14399840", "RO18547290"},
	"SE": {"SE556016068001", "SE556074756901", "SE556703748501"},
	"SI": {"SI82646716", "SI80267432", "SI50223054"},
	"SK": {"SK2020273893", "SK2020220862", "SK2022749619"},
	"XI": {"XI333289454"},
	"GB": {"GB220430231", "GB333289454", "GB569953277", "GB660454836", "GB980780684", "GBGD001", "GBHA599"},
	"CH": {"CHE-116.281.710 MWST", "CHE-105.909.036 TVA", "CHE-103.867.266 IVA", "CHE-107.787.577"},
	"NO": {"923609016MVA", "NO 982 463 718 MVA", "984851006"},
	"AU": {"33 051 775 556", "88 000 014 675", "49 004 028 077", "16 009 661 901", "51 824 753 556"},
	"CA": {"847871746RT0001", "857305932 RT 0001", "123026635", "1234567890TQ0001"},
	"US": {"12-3456789", "770493581"},
}

func TestKnownNumbers(t *testing.T) {
	t.Parallel()
	for country := range forms {
		if len(known[country]) == 0 {
			t.Errorf("%s has no known number", country)
		}
		known := append([]string{forms[country].example}, known[country]...)
		for _, id := range known {
			normal, err := CheckID(country, id)
			if err != nil {
				t.Errorf("%s %s: %v", country, id, err)
				continue
			}
			if again, err := CheckID(country, normal); err != nil || again != normal {
				t.Errorf("%s %s is spelt %s, which reads as %s, %v", country, id, normal, again, err)
			}
			if lower, err := CheckID(strings.ToLower(country), " "+strings.ToLower(id)+" "); err != nil || lower != normal {
				t.Errorf("%s %s in lower case: %s, %v", country, id, lower, err)
			}
		}
	}
}

// Where the check digits promise it, no other digit anywhere makes a good number. The
// sums of the countries left out (11, of which 10 is folded to 0; two ways to check)
// miss some.
func TestOneWrongDigit(t *testing.T) {
	t.Parallel()
	promised := strings.Fields("AT BE CY DE DK EE ES FI HR HU IE IT LU MT PL SI SK CH NO AU")
	for country := range known {
		changed, missed := 0, 0
		for _, id := range known[country] {
			normal, err := CheckID(country, id)
			if err != nil {
				t.Fatal(err)
			}
			for i := range normal {
				for c := byte('0'); c <= '9'; c++ {
					if normal[i] < '0' || normal[i] > '9' || c == normal[i] {
						continue
					}
					changed++
					wrong := normal[:i] + string(c) + normal[i+1:]
					if _, err := CheckID(country, wrong); err == nil {
						missed++
						for _, p := range promised {
							if p == country && !strings.HasPrefix(normal, "IE8D") {
								t.Errorf("%s is taken, one digit from %s", wrong, normal)
							}
						}
					} else if !fault.Is(err, fault.Invalid) {
						t.Errorf("%s: %v", wrong, err)
					}
				}
			}
		}
		if country != "US" && country != "GB" && country != "SE" && country != "CA" && missed*5 > changed {
			t.Errorf("%s: %d of %d wrong digits are missed", country, missed, changed)
		}
	}
}

func TestNotNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"DE", ""}, {"DE", "   "}, {"DE", "DE"}, {"DE", "DE000000000"}, {"DE", "DE12927339"}, {"DE", "DE1292733988"}, {"DE", "DE１２９２７３３９８"},
		{"DE", "DE129\n273398"}, {"DE", "DE129273398\x00"}, {"DE", strings.Repeat("1", 41)}, {"AT", "AT33864707"}, {"BE", "BE2417497106"},
		{"BE", "BE0000000097"}, {"CY", "CY12000139V"}, {"CZ", "CZ7113192745"}, {"CZ", "CZ640903927"}, {"CZ", "CZ545131123"}, {"ES", "ESI28015865"},
		{"FR", "FR41303265045"}, {"FR", "FRIO303265045"}, {"GB", "GBGD500"}, {"GB", "GBHA499"}, {"GB", "GB000000000"}, {"IE", "IE6388047J"}, {"IE", "IE3628739UJ"},
		{"IT", "IT00000000000"}, {"IT", "IT00743111301"}, {"LT", "LT212154324"}, {"LV", "LV16137519997"}, {"LV", "LV00117519997"},
		{"NL", "NL004495445B00"}, {"NL", "NL000000000B01"}, {"NL", "NL004495445C01"}, {"RO", "RO0"}, {"RO", "RO01"}, {"SE", "SE556016068000"},
		{"SE", "SE556016068095"}, {"SE", "SE0000000000001"}, {"CH", "CHE-116.281.710 VAT"}, {"CH", "CHE-116.281.711 MWST"}, {"NO", "923609016XYZ"}, {"NO", "000000000"},
		{"AU", "10878999904"}, {"CA", "847871746RT0000"}, {"CA", "847871746RC0001"}, {"CA", "000000000"}, {"US", "00-3456789"}, {"US", "1234567"},
	} {
		if normal, err := CheckID(c[0], c[1]); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s %q: %q, %v", c[0], c[1], normal, err)
		}
	}
}

func TestNumbersOfOtherCountries(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"FR", "DE129273398", "DE129273398"}, {"CH", "ATU33864707", "ATU33864707"}, {"GB", "XI 333 289 454", "XI333289454"},
		{"MC", "FR40303265045", "FR40303265045"}, {"IM", "GB333289454", "GB333289454"}, {"UK", "333289454", "GB333289454"}, {"EL", "094019245", "EL094019245"},
		{"JP", " T1234567890123 ", "T1234567890123"}, {"BR", "12.345.678/0001-95", "12.345.678/0001-95"}, {"BE", "417497106", "BE0417497106"},
		{"us", "123456789", "12-3456789"}, {"CH", "che 116 281 710 mwst", "CHE116281710MWST"},
	} {
		if normal, err := CheckID(c[0], c[1]); err != nil || normal != c[2] {
			t.Errorf("%s %q: %q, %v; want %q", c[0], c[1], normal, err, c[2])
		}
	}
	for normal, want := range map[string]string{"EL094019245": "GR", "XI333289454": "XI", "GB333289454": "", "DE129273398": "DE", "DE129273399": "",
		"ES of Brazil": "", "CHE116281710MWST": "", "": "", "DE": "", "GR094019245": ""} {
		if got := idArea(normal); got != want {
			t.Errorf("%q is of %q, want %q", normal, got, want)
		}
	}
	if prefix, number, ok := EUNumber("EL094019245"); prefix != "EL" || number != "094019245" || !ok {
		t.Error(prefix, number, ok)
	}
}

func FuzzCheckID(f *testing.F) {
	for country, list := range known {
		for _, id := range list {
			f.Add(country, id)
		}
	}
	f.Add("NL", "B")
	f.Add("IE", "********")
	f.Fuzz(func(t *testing.T, country, id string) {
		normal, err := CheckID(country, id)
		if err != nil {
			return
		}
		if again, err := CheckID(country, normal); err != nil || again != normal {
			t.Errorf("%q %q is spelt %q, which reads as %q, %v", country, id, normal, again, err)
		}
	})
}

// An outage never changes what was known, and never makes a number valid or invalid.
func TestOutageKeepsTheState(t *testing.T) {
	t.Parallel()
	states := []IDState{NoID, Unchecked, Valid, Invalid, Unavailable}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(states).Draw(t, "before")
		for _, answer := range rapid.SliceOf(rapid.SampledFrom([]IDState{Unavailable, Unchecked})).Draw(t, "answers") {
			after := s.After(answer)
			if (s == Valid) != (after == Valid) || (s == Invalid) != (after == Invalid) || !after.Known() {
				t.Fatalf("%q became %q by %q", s, after, answer)
			}
			s = after
		}
		for _, answer := range []IDState{Valid, Invalid} {
			if got := s.After(answer); got != answer {
				t.Fatalf("%q and then %q is %q", s, answer, got)
			}
		}
	})
	if got := Unchecked.After(Unavailable); got != Unavailable {
		t.Errorf("unchecked in an outage is %q", got)
	}
	if IDState("maybe").Known() {
		t.Error("maybe is a state")
	}
}

func TestSandboxChecker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		country, id string
		want        IDState
	}{
		{"DE", "DE123456788", Valid}, {"NL", "NL123456782B01", Valid}, {"IE", "IE1234567FA", Valid}, {"DE", "DE404000007", Invalid},
		{"IT", "IT40400000176", Invalid}, {"DE", "DE503000004", Unavailable}, {"IT", "IT50300000176", Unavailable}, {"DE", "DE123456789", Invalid},
		{"US", "12-3456789", Unchecked}, {"JP", "503", Unchecked},
	} {
		state, name, err := SandboxChecker{}.Check(context.Background(), c.country, c.id)
		if state != c.want || (name != "") != (state == Valid) || (err != nil) != (state == Unavailable) {
			t.Errorf("%s %s: %q, %q, %v", c.country, c.id, state, name, err)
		}
	}
}
