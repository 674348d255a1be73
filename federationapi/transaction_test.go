package federationapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

func TestTransactionIsRefusedOnlyForItsOuterShape(t *testing.T) {
	many := func(n int, unit string) string { return "[" + strings.Repeat(unit+",", n-1) + unit + "]" }
	for _, c := range []struct {
		name, body string
		status     int // 0: taken
		pdus, edus int
	}{
		{"empty", `{}`, 0, 0, 0},
		{"as it should be", `{"origin":"a.test","origin_server_ts":1,"pdus":[],"edus":[{}]}`, 0, 0, 1},
		{"nulls", `{"pdus":null,"edus":null}`, 0, 0, 0},
		{"nonsense inside", `{"pdus":[1,null],"edus":["x",[]]}`, 0, 2, 2},
		{"names in another case", `{"EDUS":[{}],"Pdus":5}`, 0, 0, 0},
		{"as many as may be", `{"pdus":` + many(50, "{}") + `,"edus":` + many(100, "{}") + `}`, 0, 50, 100},
		{"51 PDUs", `{"pdus":` + many(51, "{}") + `}`, 400, 0, 0},
		{"101 EDUs", `{"edus":` + many(101, "{}") + `}`, 400, 0, 0},
		{"a list", `[]`, 400, 0, 0},
		{"null", `null`, 400, 0, 0},
		{"EDUs are no list", `{"edus":{}}`, 400, 0, 0},
		{"PDUs are no list", `{"pdus":"x"}`, 400, 0, 0},
		{"origin is no string", `{"origin":1}`, 400, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			txn, err := readTransaction(json.RawMessage(c.body))
			var refused *httpapi.Error
			if errors.As(err, &refused) != (c.status != 0) || refused != nil && refused.Status != c.status {
				t.Fatalf("error %v, want status %d", err, c.status)
			}
			if len(txn.pdus) != c.pdus || len(txn.edus) != c.edus {
				t.Errorf("%d PDUs, %d EDUs; want %d, %d", len(txn.pdus), len(txn.edus), c.pdus, c.edus)
			}
		})
	}
}

func TestPDUsAreRefusedOneByOne(t *testing.T) {
	pdus := []json.RawMessage{
		json.RawMessage(`{"event_id":"$a:a.test","room_id":"!r"}`),
		json.RawMessage(`{"room_id":"!r"}`),
		json.RawMessage(`{"event_id":5}`),
		json.RawMessage(`7`),
		json.RawMessage(`{"event_id":"$` + strings.Repeat("x", 300) + `"}`),
	}
	got, err := json.Marshal(answerTo(pdus))
	if want := `{"pdus":{"$a:a.test":{"error":"unknown room: this server has no rooms"}}}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if got, err := json.Marshal(answerTo(nil)); err != nil || string(got) != `{"pdus":{}}` {
		t.Errorf("without PDUs: %s, %v", got, err)
	}
}

// direct writes an EDU from its parts in JSON.
func direct(sender, kind, id, messages string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"edu_type":"m.direct_to_device","content":{"sender":%s,"type":%s,"message_id":%s,"messages":%s}}`, sender, kind, id, messages))
}

// taken writes down a send in one line.
func taken(send todevice.Send) string {
	line := fmt.Sprintf("%s %s %q", send.Sender, send.Type, send.MessageID)
	for _, m := range send.Messages {
		line += fmt.Sprintf(" %s/%s=%s", m.To, m.Device, m.Content)
	}
	return line
}

func TestBadEDUIsDroppedAlone(t *testing.T) {
	const alice, sender, kind, id = `{"@alice:here.test":{"D":{"n":1}}}`, `"@s:a.test"`, `"t"`, `"m"`
	big := strings.Repeat("x", todevice.MaxContent)
	for _, c := range []struct {
		name     string
		edu      json.RawMessage
		want     string // the send, "" for none
		edus     []reason
		messages []reason
	}{
		{"good", direct(sender, kind, id, alice), `@s:a.test t "m" @alice:here.test/D={"n":1}`, nil, nil},
		{"sorted, one user together", direct(sender, kind, id, `{"@b:here.test":{"Z":{},"*":{},"A":{}},"@a:here.test":{"Y":{}}}`),
			`@s:a.test t "m" @a:here.test/Y={} @b:here.test/*={} @b:here.test/A={} @b:here.test/Z={}`, nil, nil},
		{"content is raw", direct(sender, kind, id, `{"@a:here.test":{"D":{"b" : 1.50,"a":12345678901234567890}}}`),
			`@s:a.test t "m" @a:here.test/D={"b" : 1.50,"a":12345678901234567890}`, nil, nil},
		{"no message ID", direct(sender, kind, `null`, alice), `@s:a.test t "" @alice:here.test/D={"n":1}`, nil, nil},
		{"message ID is a number", direct(sender, kind, `5`, alice), `@s:a.test t "" @alice:here.test/D={"n":1}`, nil, nil},
		{"32 code points", direct(sender, kind, `"`+strings.Repeat("é", 32)+`"`, alice),
			`@s:a.test t "` + strings.Repeat("é", 32) + `" @alice:here.test/D={"n":1}`, nil, nil},
		{"33 code points", direct(sender, kind, `"`+strings.Repeat("é", 33)+`"`, alice), `@s:a.test t "" @alice:here.test/D={"n":1}`, nil, nil},
		{"more in the content", json.RawMessage(`{"edu_type":"m.direct_to_device","x":1,"content":{"sender":"@s:a.test","type":"t","messages":` + alice + `,"org.tracing":{}}}`),
			`@s:a.test t "" @alice:here.test/D={"n":1}`, nil, nil},
		{"historical names", direct(`"@S!p:a.test"`, kind, id, `{"@A{B:here.test":{"D":{}}}`), `@S!p:a.test t "m" @A{B:here.test/D={}`, nil, nil},

		{"sender of another server", direct(`"@s:b.test"`, kind, id, alice), "", []reason{foreignSender}, nil},
		{"sender of this server", direct(`"@s:here.test"`, kind, id, alice), "", []reason{foreignSender}, nil},
		{"sender is no user", direct(`"s"`, kind, id, alice), "", []reason{badSender}, nil},
		{"sender is missing", direct(`null`, kind, id, alice), "", []reason{badSender}, nil},
		{"empty type", direct(sender, `""`, id, alice), "", []reason{badType}, nil},
		{"type is no string", direct(sender, `{}`, id, alice), "", []reason{badType}, nil},
		{"long type", direct(sender, `"`+strings.Repeat("t", 256)+`"`, id, alice), "", []reason{badType}, nil},
		{"messages are a list", direct(sender, kind, id, `[]`), "", []reason{badShape}, nil},
		{"messages are missing", direct(sender, kind, id, `null`), "", []reason{badShape}, nil},
		{"content is no object", json.RawMessage(`{"edu_type":"m.direct_to_device","content":[]}`), "", []reason{badShape}, nil},
		{"content in another case", json.RawMessage(`{"edu_type":"m.direct_to_device","Content":{"sender":"@s:a.test","type":"t","messages":` + alice + `}}`), "", []reason{badShape}, nil},
		{"no type of EDU", json.RawMessage(`{"content":{}}`), "", []reason{badShape}, nil},
		{"no object", json.RawMessage(`7`), "", []reason{badShape}, nil},
		{"null", json.RawMessage(`null`), "", []reason{badShape}, nil},

		{"typing", json.RawMessage(`{"edu_type":"m.typing","content":{"room_id":"!r"}}`), "", nil, nil},
		{"presence of no shape", json.RawMessage(`{"edu_type":"m.presence","content":7}`), "", nil, nil},
		{"unknown", json.RawMessage(`{"edu_type":"org.example"}`), "", nil, nil},
		{"nobody", direct(sender, kind, id, `{}`), "", nil, nil},
		{"no device", direct(sender, kind, id, `{"@alice:here.test":{}}`), "", nil, nil},

		{"one recipient elsewhere", direct(sender, kind, id, `{"@alice:here.test":{"D":{}},"@bob:b.test":{"D":{}}}`), `@s:a.test t "m" @alice:here.test/D={}`, nil, []reason{foreignRecipient}},
		{"server name in another case", direct(sender, kind, id, `{"@alice:HERE.test":{"D":{}}}`), "", nil, []reason{foreignRecipient}},
		{"one recipient is no user", direct(sender, kind, id, `{"@alice:here.test":{"D":{}},"bob":{"D":{}}}`), `@s:a.test t "m" @alice:here.test/D={}`, nil, []reason{badRecipient}},
		{"one recipient without devices", direct(sender, kind, id, `{"@a:here.test":[],"@b:here.test":{"D":{}}}`), `@s:a.test t "m" @b:here.test/D={}`, nil, []reason{badShape}},
		{"one content is too deep", direct(sender, kind, id, `{"@a:here.test":{"A":{"x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`},"B":{}}}`), `@s:a.test t "m" @a:here.test/B={}`, nil, []reason{badContent}},
		{"one content is no object", direct(sender, kind, id, `{"@a:here.test":{"A":"x","B":{},"C":null,"D":[]}}`), `@s:a.test t "m" @a:here.test/B={}`, nil, []reason{badContent, badContent, badContent}},
		{"one content is too large", direct(sender, kind, id, `{"@a:here.test":{"A":{"x":"`+big+`"},"B":{}}}`), `@s:a.test t "m" @a:here.test/B={}`, nil, []reason{contentTooLarge}},
		{"large only as it is written", direct(sender, kind, id, `{"@a:here.test":{"A":{`+strings.Repeat(" ", todevice.MaxContent)+`}}}`),
			`@s:a.test t "m" @a:here.test/A={}`, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			good := direct(sender, kind, `"before"`, alice)
			r := reader{origin: "a.test", local: "here.test"}
			r.read([]json.RawMessage{good, c.edu, good})
			want := []string{`@s:a.test t "before" @alice:here.test/D={"n":1}`}
			if c.want != "" {
				want = append(want, c.want)
			}
			want = append(want, want[0])
			var got []string
			for _, send := range r.sends {
				got = append(got, taken(send))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %.300q\nwant %.300q", got, want)
			}
			if !slices.Equal(r.droppedEDUs, c.edus) || !slices.Equal(r.droppedMessages, c.messages) {
				t.Errorf("dropped EDUs %v, messages %v; want %v, %v", r.droppedEDUs, r.droppedMessages, c.edus, c.messages)
			}
		})
	}
}

// FuzzTransaction: whatever another server writes, what comes of it is in the
// shape storage relies on, and in nobody's name but its own.
func FuzzTransaction(f *testing.F) {
	f.Add([]byte(`{"origin":"a.test","pdus":[{"event_id":"$x"}],"edus":[` + string(direct(`"@s:a.test"`, `"t"`, `"m"`, `{"@a:here.test":{"*":{},"D":{"n":1.5}}}`)) + `]}`))
	f.Add([]byte(`{"edus":[{"edu_type":"m.direct_to_device","content":{"sender":"@s:b.test"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) {
			return // the adapter refuses it before
		}
		txn, err := readTransaction(body)
		if err != nil {
			var refused *httpapi.Error
			if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		r := reader{origin: "a.test", local: "here.test"}
		r.read(txn.edus)
		for _, send := range r.sends {
			checkSend(t, send)
		}
		if len(answerTo(txn.pdus).PDUs) > len(txn.pdus) {
			t.Fatal("the answer lists more PDUs than there were")
		}
	})
}

func checkSend(t *testing.T, send todevice.Send) {
	if send.Sender.Server != "a.test" || send.Type == "" || len(send.Messages) == 0 || len([]rune(send.MessageID)) > maxMessageID {
		t.Fatalf("bad send %+v", send)
	}
	for i, m := range send.Messages {
		var content map[string]any
		if m.To.Server != "here.test" || json.Unmarshal(m.Content, &content) != nil || content == nil {
			t.Fatalf("bad message %+v", m)
		}
		if i == 0 {
			continue
		}
		before := send.Messages[i-1]
		if order := strings.Compare(before.To.String(), m.To.String()); order > 0 || order == 0 && before.Device >= m.Device {
			t.Fatalf("%v/%q stands before %v/%q", before.To, before.Device, m.To, m.Device)
		}
	}
}
