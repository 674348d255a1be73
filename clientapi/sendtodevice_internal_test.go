package clientapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

func TestSendErrorsSayWhetherToRetry(t *testing.T) {
	disk := errors.New("disk full")
	for err, status := range map[error]int{
		todevice.ErrContentTooLarge:     http.StatusRequestEntityTooLarge,
		todevice.ErrContentNotCanonical: http.StatusBadRequest,
		todevice.ErrInboxFull:           http.StatusTooManyRequests,
		todevice.ErrUnknownDevice:       http.StatusUnauthorized,
	} {
		var refusal *httpapi.Error
		if !errors.As(sendError(err), &refusal) || refusal.Status != status {
			t.Errorf("%v became %v", err, sendError(err))
		}
	}
	var refusal *httpapi.Error
	if err := sendError(disk); !errors.Is(err, disk) || errors.As(err, &refusal) {
		t.Errorf("a fault of the disk became %v", err)
	}
	if err := sendError(nil); err != nil {
		t.Error(err)
	}
}

func TestMessagesAreListedByUserAndDevice(t *testing.T) {
	messages, err := decodeMessages(json.RawMessage(
		`{"messages":{"@b:x":{"B2":{},"*":{},"B1":{}},"@a:y":{"A":{}},"bad":{"A":{}},"@a:x":{"A":{}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, message := range messages {
		got = append(got, message.To.String()+" "+message.Device)
	}
	if want := []string{"@a:x A", "@a:y A", "@b:x *", "@b:x B1", "@b:x B2"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// FuzzSendToDevice holds what a read request promises, whatever a stranger wrote.
func FuzzSendToDevice(f *testing.F) {
	for _, seed := range [][3]string{
		{"m.test", "1", `{"messages":{"@a:x":{"D":{"k":1}}}}`},
		{"a%2Fb", "b%00c", `{"messages":{"@a:x":{"*":{},"D":{}},"@b:y":{}}}`},
		{"%zz", "1", `{"messages":{}}`},
		{"%ff", "1", `{"messages":{}}`},
		{strings.Repeat("t", 256), "1", `{"messages":{}}`},
		{"t", "1", `{"Messages":{},"messages":{"@a:x":{"D":null}}}`},
		{"t", "1", `{"messages":{"@a:x":null}}`},
		{"t", "1", `{"messages":{"@a:x":{"D":[]}},"messages":{"@a:x":{"D":{}}}}`},
		{"t", "1", `{"messages":{"@a:x":{"D":{}},"@\u0061:x":{"D":{"again":true}}}}`},
		{"t", "1", `{"messages":{"nobody":{"D":{}},"@a:x:y":{"D":{}},"@:x":{"D":{}}}}`},
		{"t", "1", ` {"messages" : { "@a:[::1]:8448" : { "" :  { } } } } `},
		{"t", "1", "{\"messages\":{\"@a:x\":{\"\xff\":{}}}}"},
		{"t", "1", `null`},
		{"t", "1", ``},
	} {
		f.Add(seed[0], seed[1], []byte(seed[2]))
	}
	f.Fuzz(func(t *testing.T, eventType, txnID string, body []byte) {
		query, err := readSendToDevice(sendRequest(eventType, txnID, body))
		if err != nil {
			var refusal *httpapi.Error
			if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if len(query.eventType) > 255 {
			t.Errorf("an event type of %d bytes", len(query.eventType))
		}
		checkMessages(t, query.messages)
	})
}

// sendRequest is what the router hands to read: the components of the path are
// still encoded.
func sendRequest(eventType, txnID string, body []byte) *http.Request {
	request := &http.Request{
		Method: http.MethodPut,
		URL:    &url.URL{Path: "/sendToDevice/" + eventType + "/" + txnID},
		Body:   io.NopCloser(strings.NewReader(string(body))),
	}
	return mux.SetURLVars(request, map[string]string{"eventType": eventType, "txnId": txnID})
}

func checkMessages(t *testing.T, messages []todevice.Message) {
	t.Helper()
	for i, message := range messages {
		if id, err := todevice.ParseUserID(message.To.String()); err != nil || id != message.To {
			t.Errorf("not a user ID: %q", message.To)
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(message.Content, &object); err != nil || object == nil {
			t.Errorf("not an object: %q", message.Content)
		}
		if i == 0 {
			continue
		}
		// Strictly rising: each user's entries stand together and none is there twice.
		before := messages[i-1]
		if order := strings.Compare(before.To.String(), message.To.String()); order > 0 ||
			order == 0 && before.Device >= message.Device {
			t.Errorf("%v %q before %v %q", before.To, before.Device, message.To, message.Device)
		}
	}
}
