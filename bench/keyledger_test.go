package main

import (
	"encoding/json"
	"fmt"
	"testing"
)

func TestTheKeyLedgerNoticesEveryKeyThatIsNotGivenOutOnce(t *testing.T) {
	devices := people("d", 2, aloneServer)
	for name, test := range map[string]struct {
		answers []string
		want    verdict
	}{
		"each once":              {[]string{given(devices[0], 0), given(devices[0], 1), given(devices[1], 1), given(devices[1], 0)}, verdict{}},
		"none":                   {[]string{`{"one_time_keys":{}}`, `{}`}, verdict{Lost: 4}},
		"one twice":              {[]string{given(devices[0], 0), given(devices[0], 0), given(devices[1], 1), given(devices[1], 0)}, verdict{Lost: 1, Duplicated: 1}},
		"one more than uploaded": {[]string{given(devices[0], 0), given(devices[0], 1), given(devices[1], 1), given(devices[1], 0), given(devices[1], 2)}, verdict{Misdelivered: 1}},
		"of a stranger":          {[]string{given(people("x", 1, aloneServer)[0], 0)}, verdict{Lost: 4, Misdelivered: 1}},
		"under another name":     {[]string{keyAnswer(devices[0], oneTimeKeyName(1), oneTimeKey(devices[0], 0))}, verdict{Lost: 4, Misdelivered: 1}},
		"of the other device":    {[]string{keyAnswer(devices[0], oneTimeKeyName(0), oneTimeKey(devices[1], 0))}, verdict{Lost: 4, Misdelivered: 1}},
		"named as none is":       {[]string{keyAnswer(devices[0], "signed_curve25519:Kx", oneTimeKey(devices[0], 0))}, verdict{Lost: 4, Misdelivered: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newKeyLedger(devices, 2)
			for _, answer := range test.answers {
				if err := l.note([]byte(answer)); err != nil {
					t.Fatal(err)
				}
			}
			if got := l.close(); got != test.want {
				t.Errorf("the verdict is %+v, want %+v", got, test.want)
			}
		})
	}
	if err := newKeyLedger(devices, 2).note([]byte(`{`)); err == nil {
		t.Error("half an answer is taken for one")
	}
}

// given is the answer to a claim that gives a device's key.
func given(p person, number int) string {
	return keyAnswer(p, oneTimeKeyName(number), oneTimeKey(p, number))
}

func keyAnswer(p person, name string, key json.RawMessage) string {
	return fmt.Sprintf(`{"one_time_keys":{%q:{%q:{%q:%s}}},"failures":{}}`, p.id(), p.device, name, key)
}
