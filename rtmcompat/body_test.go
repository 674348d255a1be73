package rtmcompat_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestBodiesAreValidated(t *testing.T) {
	const refused = "invalid_parameter"
	long := strings.Repeat("x", 64)
	cases := []struct {
		name, body string
		code       string // "" where it is accepted
	}{
		{"least", `{"destination":"bob","payload":"x"}`, ""},
		{"all", `{"destination":"bob","payload":"x","enable_offline_messaging":false,"enable_historical_messaging":false}`, ""},
		{"offline", `{"destination":"bob","payload":"x","enable_offline_messaging":true}`, ""},
		{"historical", `{"destination":"bob","payload":"x","enable_historical_messaging":true}`, ""},
		{"spaces between", " {\n\"destination\" : \"bob\" ,\t\"payload\" : \"x\" , \"enable_offline_messaging\" : true } \n", ""},
		{"unknown fields", object("offSet", 1, "history", []any{"x"}, "wait_for_ack", "perhaps"), ""},
		{"key written with escapes", `{"destin\u0061tion":"bob","payload":"x"}`, ""},
		{"repeated key, the last one good", `{"destination":7,"destination":"bob","payload":"x"}`, ""},

		{"empty", ``, refused},
		{"no JSON", `destination=bob`, refused},
		{"cut short", `{"destination":"bob","payload":"x"`, refused},
		{"more behind it", `{"destination":"bob","payload":"x"}{}`, refused},
		{"comment", `{"destination":"bob","payload":"x"/**/}`, refused},
		{"byte order mark", "\ufeff" + object(), refused},
		{"invalid UTF-8", "{\"destination\":\"bob\",\"payload\":\"\xff\"}", refused},
		{"invalid UTF-8 elsewhere", "{\"destination\":\"bob\",\"payload\":\"x\",\"y\":\"\xc3\"}", refused},
		{"array", `[]`, refused},
		{"null", `null`, refused},
		{"string", `"bob"`, refused},
		{"nested without end", strings.Repeat("[", 20000), refused},

		{"no field", `{}`, refused},
		{"no destination", `{"payload":"x"}`, refused},
		{"destination under another case", `{"Destination":"bob","payload":"x"}`, refused},
		{"destination null", object("destination", nil), refused},
		{"destination number", object("destination", 7), refused},
		{"destination array", object("destination", []string{"bob"}), refused},
		{"destination empty", object("destination", ""), refused},
		{"destination of 64", object("destination", long), ""},
		{"destination of 65", object("destination", long+"x"), refused},
		{"destination the word null", object("destination", "null"), ""},
		{"destination begins with a space", object("destination", " bob"), ""},
		{"destination ends with a space", object("destination", "bob "), ""},
		{"destination .", object("destination", "."), ""},
		{"destination written with escapes", `{"destination":"b\u006fb","payload":"x"}`, ""},
		{"destination half a pair", `{"destination":"bob\ud800","payload":"x"}`, refused},
		{"repeated key, the last one bad", `{"destination":"bob","destination":7,"payload":"x"}`, refused},

		{"no payload", `{"destination":"bob"}`, refused},
		{"payload under another case", `{"destination":"bob","PAYLOAD":"x"}`, refused},
		{"payload null", object("payload", nil), refused},
		{"payload number", object("payload", 7), refused},
		{"payload object", object("payload", map[string]any{}), refused},
		{"payload true", object("payload", true), refused},
		{"payload empty", object("payload", ""), refused},
		{"payload a space", object("payload", " "), ""},
		{"payload NUL", object("payload", "\x00"), ""},
		{"payload of 32768", object("payload", strings.Repeat("x", 32768)), ""},
		{"payload of 32769", object("payload", strings.Repeat("x", 32769)), refused},
		{"payload of 16384 times 2", object("payload", strings.Repeat("é", 16384)), ""},
		{"payload of 16384 times 2 and 1", object("payload", strings.Repeat("é", 16384)+"x"), refused},
		{"payload of 8192 times 4", object("payload", strings.Repeat("😀", 8192)), ""},
		{"payload of 8192 times 4 and 1", object("payload", strings.Repeat("😀", 8192)+"x"), refused},
		{"payload of 10922 times 3 and 2", object("payload", strings.Repeat("\u2028", 10922)+"xx"), ""},
		{"payload of 10923 times 3", object("payload", strings.Repeat("中", 10923)), refused},
		{"payload of 32768 written with escapes", `{"destination":"bob","payload":"` + strings.Repeat(`\u0078`, 32768) + `"}`, ""},
		{"payload of a pair", `{"destination":"bob","payload":"\ud83d\ude00"}`, ""},
		{"payload of half a pair", `{"destination":"bob","payload":"x\ud83d"}`, refused},
		{"payload of the other half", `{"destination":"bob","payload":"\ude00x"}`, refused},
		{"payload of U+FFFD", object("payload", "\ufffd"), ""},
		{"payload of control characters", object("payload", strings.Repeat("\x01", 10800)), ""},
		{"payload of too many control characters", object("payload", strings.Repeat("\x01", 32768)), refused},
		{"payload of quotes", object("payload", strings.Repeat(`"`, 32600)), ""},
		{"payload of too many quotes", object("payload", strings.Repeat(`"`, 32768)), refused},
		{"unknown field with half a pair", `{"destination":"bob","payload":"x","y":"\ud800"}`, ""},
	}
	for _, flag := range []string{"enable_offline_messaging", "enable_historical_messaging"} {
		for _, value := range []string{`"true"`, `"false"`, `1`, `0`, `null`, `""`, `[]`, `{}`} {
			body := `{"destination":"bob","payload":"x","` + flag + `":` + value + `}`
			cases = append(cases, struct{ name, body, code string }{flag + " " + value, body, refused})
		}
		cases = append(cases, struct{ name, body, code string }{
			strings.ToUpper(flag) + " is unknown", object(strings.ToUpper(flag), 1), "",
		})
	}
	r := newRig(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := r.do(request(peerPath("alice"), c.body))
			if c.code == "" {
				a.want(t, http.StatusOK, "message_sent")
			} else {
				a.want(t, http.StatusBadRequest, c.code)
			}
		})
	}
}

func TestTheHintNamesWhatIsWrong(t *testing.T) {
	cases := map[string]string{
		`[]`:                    "the body is not a JSON object",
		`null`:                  "destination is missing",
		`{"destination":"bob"}`: "payload is missing",
		object("payload", nil):  "payload must be a string",
		object("payload", ""):   "payload must not be empty",
		object("payload", strings.Repeat("x", 32769)):    "payload exceeds 32768 bytes",
		object("payload", strings.Repeat("\x01", 32768)): "payload is too large: escaped as JSON, the message exceeds 65536 bytes",
		object("enable_offline_messaging", "true"):       "enable_offline_messaging must be true or false",
		`{"destination":"bob","payload":"\ud800"}`:       "payload has an unpaired surrogate",
	}
	r := newRig(t)
	for body, hint := range cases {
		a := r.do(request(peerPath("alice"), body))
		a.want(t, http.StatusBadRequest, "invalid_parameter")
		if a.Message != hint {
			t.Errorf("the message is %q, want %q", a.Message, hint)
		}
	}
}
