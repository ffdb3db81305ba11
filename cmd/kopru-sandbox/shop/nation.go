package shop

import "strings"

// nation is how people of a country are called and where they live.
type nation struct {
	given, family, firms, streets, cities, spellings []string
	mail, zip, phone, iso                            string
}

func nations() []*nation {
	return []*nation{
		{
			iso: "NL", mail: "voorbeeld.example", zip: "dddd AA", phone: "06-dddddddd",
			given: list("Sanne; Daan; Femke; Joost; Annelies; Bram; Noëlle; Thijs; Marijke; Sem; Lotte; Pieter-Jan"),
			family: list("de Vries; van der Meulen; Bakker; 't Hart; van 't Hof; Ööms; Jansen; den Ouden; Kuiper; " +
				"Terpstra; op den Berg"),
			firms: list("Bakkerij De Gouden Korenaar; Fietsen & Zn. B.V.; Atelier Noordster; V.O.F. Het Zoute Land; " +
				"Museum Zeilschip; Drukkerij 't Lood"),
			streets: list("Kerkstraat 12a; Van der Takstraat 8 bis; 1e Oosterparkstraat 5-3; Dorpsstraat #; " +
				"Plein 1944 #; Laan van Meerdervoort # hs; Lange Nieuwstraat #-II; Straatweg # A; " +
				"Westzijde # rd; Postbus #; Burg. de Kievitstraat #; Oude Gracht # B-12"),
			cities:    list("Utrecht; Groningen; 's-Hertogenbosch; Den Haag; Zaandam; Ijmuiden; Súdwest-Fryslân"),
			spellings: list("Nederland; NL; NLD; The Netherlands; ; nederland; Nederland"),
		},
		{
			iso: "NO", mail: "eksempel.example", zip: "dddd", phone: "+47 ddd dd ddd",
			given:     list("Åse; Øystein; Kåre; Ingrid; Bjørn; Sigrid"),
			family:    list("Bråten; Lillevik; Østby; Nordli; Hæstad; Solbakken"),
			firms:     list("Fjord og Fjell AS; Sæbø Trevare AS; Brød & Bø ANS"),
			streets:   list("Storgata 1 B; Øvre Slottsgate #; Kirkeveien # A; Vestre Åsvei #; Postboks # Sentrum"),
			cities:    list("Oslo; Tromsø; Ålesund; Bodø"),
			spellings: list("Noorwegen; Norge; NO; Norway; NOR"),
		},
		{
			iso: "SE", mail: "exempel.example", zip: "ddd dd", phone: "+46 7d-ddd dd dd",
			given:     list("Astrid; Göran; Märta; Björn; Åke; Elin"),
			family:    list("Lindström; Sjöberg; Åkerlund; Ek; Nyqvist"),
			firms:     list("Skärgårdens Bröd AB; Älvdalens Form HB"),
			streets:   list("Storgatan 12 lgh 1101; Drottninggatan #; Södra Vägen # C; Box #"),
			cities:    list("Malmö; Göteborg; Umeå; Örebro"),
			spellings: list("Zweden; Sverige; SE; Sweden; SWE"),
		},
		{
			iso: "DE", mail: "beispiel.example", zip: "ddddd", phone: "+49 151 ddddddd",
			given:     list("Jürgen; Käthe; Heiko; Anke"),
			family:    list("Groß; Müllerhaus; von der Heide; Schäfer"),
			firms:     list("Küstenlicht GmbH & Co. KG"),
			streets:   list("Große Straße #; Am Alten Hafen #-#; Mühlenweg # a"),
			cities:    list("Köln; Münster; Leer"),
			spellings: list("Duitsland; Deutschland; DE; Germany"),
		},
		{
			iso: "TR", mail: "ornek.example", zip: "ddddd", phone: "+90 5dd ddd dd dd",
			given:     list("Ayşe; Mehmet; Gülşen; İbrahim"),
			family:    list("Yıldırım; Çelik; Öztürkoğlu; Şahin"),
			firms:     list("Boğaziçi Çay Ltd. Şti."),
			streets:   list("Atatürk Cad. No:5 D:3; İstiklal Cd. No: #/#; Gül Sk. No:# Kat:2"),
			cities:    list("İstanbul; Eskişehir; Muğla"),
			spellings: list("Turkije; Türkiye; TR; TUR"),
		},
	}
}

// list takes a text apart; an entry may be empty.
func list(text string) []string { return strings.Split(text, "; ") }
