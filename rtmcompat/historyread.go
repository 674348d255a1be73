package rtmcompat

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// The words for the kinds of messages in the history.
const (
	peerKind    = "peer_message"
	channelKind = "channel_message"
)

// codeOK is the code of what is read: it is always ready.
const codeOK = "ok"

// A historyPage is the result of a query.
type historyPage struct {
	Result    string           `json:"result"` // always "success"
	RequestID string           `json:"request_id"`
	Code      string           `json:"code"`
	Messages  []historyMessage `json:"messages"`
}

// A historyMessage is one message of the history.
type historyMessage struct {
	Source      string `json:"src"`
	Destination string `json:"dst"`
	Kind        string `json:"message_type"`
	Payload     string `json:"payload"`
	At          int64  `json:"ms"` // when the server received it, in Unix milliseconds
}

// A historyCount is the number of messages a filter finds.
type historyCount struct {
	Result    string `json:"result"` // always "success"
	RequestID string `json:"request_id"`
	Code      string `json:"code"`
	Count     int    `json:"count"`
}

// readHandle reads GET /dev/v2/project/{appId}/rtm/message/history/query/{handle}.
func readHandle(r *http.Request) (string, error) {
	handle, err := httpapi.PathVar(r, "handle")
	if err != nil {
		return "", noSuchQuery()
	}
	return handle, nil
}

func noSuchQuery() error {
	return &refusal{
		status: http.StatusNotFound, code: codeNotFound,
		message: "there is no such query of these credentials, or it is more than an hour old",
	}
}

// readHistory gives the messages that a query finds now.
func (s *Server) readHistory(ctx context.Context, c caller, handle string) (historyPage, error) {
	query, page, ok := s.handles.read(c, handle, time.Now())
	if !ok {
		return historyPage{}, noSuchQuery()
	}
	records, err := s.store.History(ctx, query, page)
	if err != nil {
		return historyPage{}, err
	}
	messages := make([]historyMessage, len(records))
	for i, r := range records {
		messages[i] = s.historyMessage(c.app, r)
	}
	return historyPage{Result: "success", RequestID: c.requestID, Code: codeOK, Messages: messages}, nil
}

func (s *Server) historyMessage(app App, r todevice.RTMRecord) historyMessage {
	m := historyMessage{
		Source: s.UID(app, r.Source), Destination: r.Channel, Kind: channelKind, Payload: r.Payload, At: r.At.UnixMilli(),
	}
	if r.Channel == "" {
		m.Destination, m.Kind = s.UID(app, r.To), peerKind
	}
	return m
}

// readHistoryCount reads GET /dev/v2/project/{appId}/rtm/message/history/count. The
// vendor's example has its values in quotes, which no value has itself.
func readHistoryCount(r *http.Request) (historyFilter, error) {
	parameters, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return historyFilter{}, invalid("the query is not valid")
	}
	return readFilter(func(name string) (string, error) {
		switch values := parameters[name]; len(values) {
		case 0:
			return "", nil
		case 1:
			return unquote(values[0]), nil
		default:
			return "", invalid(name + " is given more than once")
		}
	})
}

// unquote takes a pair of double quotes off.
func unquote(value string) string {
	if inner, ok := strings.CutPrefix(value, `"`); ok {
		if inner, ok = strings.CutSuffix(inner, `"`); ok {
			return inner
		}
	}
	return value
}

// countHistory gives the number of messages that a filter finds.
func (s *Server) countHistory(ctx context.Context, c caller, f historyFilter) (historyCount, error) {
	query, err := s.allowedQuery(ctx, c, f)
	if err != nil {
		return historyCount{}, err
	}
	n, err := s.store.CountHistory(ctx, query)
	return historyCount{Result: "success", RequestID: c.requestID, Code: codeOK, Count: n}, err
}
