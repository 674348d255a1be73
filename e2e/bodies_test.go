package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

const (
	bobTablet = "@bob:single.test"
	maxBody   = 20 << 20
)

// put sends a body to sendToDevice and gives the answer.
func put(t *testing.T, from *testserver.Client, txnID string, body []byte) (status int, code string) {
	t.Helper()
	answer, err := from.Do(within(t, soon), testserver.Request{
		Method: http.MethodPut, Path: "/_matrix/client/v3/sendToDevice/im.chappe.test/" + txnID, Body: body,
	})
	if err != nil {
		t.Fatal(err)
	}
	if refused, ok := answer.Err().(*testserver.Error); ok {
		code = refused.Code
	} else if string(answer.Body) != "{}" {
		t.Errorf("the answer is %s, want {}", answer.Body)
	}
	return answer.Status, code
}

// beside gives a body with a good message to bob's TABLET, and another content for
// his LAPTOP.
func beside(content string) []byte {
	return fmt.Appendf(nil, `{"messages":{%q:{"TABLET":{"stamp":"good 1"},"LAPTOP":%s,"WATCH":{"stamp":"good 2"}}}}`, bobTablet, content)
}

// sized gives a content of so many bytes of canonical JSON.
func sized(bytes int) string {
	const frame = `{"x":""}`
	return `{"x":"` + strings.Repeat("y", bytes-len(frame)) + `"}`
}

func TestABadBodyIsRefusedInTheRightWordsAndSendsNothing(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice := server.Device("alice", "PHONE")
	var receivers []*testserver.Receiver
	for _, id := range []string{"TABLET", "LAPTOP", "WATCH"} {
		receivers = append(receivers, testserver.NewReceiver(server.Device("bob", id), ledger))
	}
	for i, test := range []struct {
		name   string
		body   []byte
		status int
		code   string
	}{
		{"nothing", nil, 400, "M_NOT_JSON"},
		{"half a JSON", []byte(`{"messages":`), 400, "M_NOT_JSON"},
		{"more than a JSON", append(beside(`{}`), '}'), 400, "M_NOT_JSON"},
		{"invalid UTF-8", beside("{\"x\":\"\xff\"}"), 400, "M_NOT_JSON"},
		{"invalid UTF-8 in a key", beside("{\"\xc3\":1}"), 400, "M_NOT_JSON"},
		{"NaN", beside(`{"x":NaN}`), 400, "M_NOT_JSON"},
		{"an array", []byte(`[]`), 400, "M_BAD_JSON"},
		{"null", []byte(`null`), 400, "M_BAD_JSON"},
		{"a string", []byte(`"messages"`), 400, "M_BAD_JSON"},
		{"no messages", []byte(`{}`), 400, "M_BAD_JSON"},
		{"messages in another case", bytes.Replace(beside(`{}`), []byte("messages"), []byte("Messages"), 1), 400, "M_BAD_JSON"},
		{"messages are null", []byte(`{"messages":null}`), 400, "M_BAD_JSON"},
		{"messages are an array", []byte(`{"messages":[]}`), 400, "M_BAD_JSON"},
		{"devices are null", []byte(`{"messages":{"` + bobTablet + `":null}}`), 400, "M_BAD_JSON"},
		{"devices are an array", []byte(`{"messages":{"` + bobTablet + `":[{}]}}`), 400, "M_BAD_JSON"},
		{"a content is a string", beside(`"x"`), 400, "M_BAD_JSON"},
		{"a content is an array", beside(`[]`), 400, "M_BAD_JSON"},
		{"a content is null", beside(`null`), 400, "M_BAD_JSON"},
		{"a fraction", beside(`{"x":1.5}`), 400, "M_BAD_JSON"},
		{"a whole fraction", beside(`{"x":1.0}`), 400, "M_BAD_JSON"},
		{"an exponent", beside(`{"x":1e3}`), 400, "M_BAD_JSON"},
		{"minus zero", beside(`{"x":-0}`), 400, "M_BAD_JSON"},
		{"2^53", beside(`{"x":9007199254740992}`), 400, "M_BAD_JSON"},
		{"-2^53, deep inside", beside(`{"x":[[{"y":[-9007199254740992]}]]}`), 400, "M_BAD_JSON"},
		{"2^64", beside(`{"x":18446744073709551616}`), 400, "M_BAD_JSON"},
		{"half a surrogate pair", beside(`{"x":"\ud83d"}`), 400, "M_BAD_JSON"},
		{"half a surrogate pair in a key", beside(`{"\ude00":1}`), 400, "M_BAD_JSON"},
		{"a surrogate pair in the wrong order", beside(`{"x":"\ude00\ud83d"}`), 400, "M_BAD_JSON"},
		{"a content of 65537 bytes", beside(sized(65537)), 413, "M_TOO_LARGE"},
		{"21 MiB", bytes.Repeat([]byte(" "), 21<<20), 413, "M_TOO_LARGE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			txnID := fmt.Sprint("txn", i)
			for range 2 { // a refusal is not remembered as done
				if status, code := put(t, alice, txnID, test.body); status != test.status || code != test.code {
					t.Errorf("got %d %s, want %d %s", status, code, test.status, test.code)
				}
			}
			settle(t, ledger, receivers...) // any half of it would be unexpected
		})
	}
	send(t, alice, ledger, 1, testserver.Device{User: bobTablet, ID: testserver.AllDevices})
	settle(t, ledger, receivers...)
}

func TestAnOddBodyStillSendsWhatItHolds(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	for i, test := range []struct {
		name string
		// body has %q where the stamp goes; without one nothing is sent.
		body string
	}{
		{"no users", `{"messages":{}}`},
		{"no devices", `{"messages":{"@bob:single.test":{}}}`},
		{"an unknown device", `{"messages":{"@bob:single.test":{"TABLET":{"stamp":%q},"GONE":{}}}}`},
		{"an unknown user", `{"messages":{"@nobody:single.test":{"*":{}},"@bob:single.test":{"TABLET":{"stamp":%q}}}}`},
		{"no user ID", `{"messages":{"bob":{"TABLET":{}},"@bob":{"TABLET":{}},"":{"*":{}},"@:single.test":{"*":{}},"@bob:single.test:x":{"*":{}},"@bob:single.test":{"TABLET":{"stamp":%q}}}}`},
		{"another case", `{"messages":{"@BOB:single.test":{"TABLET":{}},"@bob:SINGLE.test":{"TABLET":{}},"@bob:single.test":{"TABLET":{"stamp":%q},"tablet":{}}}}`},
		{"unknown keys", `{"x":[1.5],"messages":{"@bob:single.test":{"TABLET":{"stamp":%q}}}}`},
		{"the name and all devices", `{"messages":{"@bob:single.test":{"*":{"stamp":"WRONG 1"},"TABLET":{"stamp":%q}}}}`},
		{"a content of 65536 bytes", `{"messages":{"@bob:single.test":{"TABLET":{"stamp":%q},"GONE":` + sized(65536) + `}}}`},
		{"2^53-1", `{"messages":{"@bob:single.test":{"TABLET":{"stamp":%q},"GONE":{"x":[9007199254740991,-9007199254740991]}}}}`},
		{"a body of 20 MiB", `{"messages":{"@bob:single.test":{"TABLET":{"stamp":%q}}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := []byte(test.body)
			var message testserver.Message
			holds := bytes.Contains(body, []byte("%q"))
			if holds {
				message = ledger.Sending(alice.Device, bob.Device)
				body = fmt.Appendf(nil, test.body, message.Stamp())
			}
			if strings.Contains(test.name, "MiB") {
				body = append(body, bytes.Repeat([]byte(" "), maxBody-len(body))...)
			}
			for range 2 {
				if status, code := put(t, alice, fmt.Sprint("txn", i), body); status != http.StatusOK {
					t.Fatalf("got %d %s, want 200", status, code)
				}
			}
			if holds {
				ledger.Accepted(message)
			}
			settle(t, ledger, receiver)
		})
	}
	settle(t, ledger, receiver)
}
