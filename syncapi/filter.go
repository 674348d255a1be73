package syncapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// A filter says what of a user's own data a client wishes to hear of. It has no say
// about messages, device lists and keys.
//
// https://spec.matrix.org/v1.15/client-server-api/#filtering
type filter struct {
	AccountData eventFilter `json:"account_data"`
	Presence    eventFilter `json:"presence"`
}

// An eventFilter admits events by type and sender; a list that is nil admits all, an
// empty one none. Its limit is passed over: what is left out of a response would
// never come.
type eventFilter struct {
	Types      []string `json:"types"`
	NotTypes   []string `json:"not_types"`
	Senders    []string `json:"senders"`
	NotSenders []string `json:"not_senders"`
}

// admits tells whether an event may pass; sender is "" for one that has none.
func (f eventFilter) admits(eventType, sender string) bool {
	if f.Types != nil && !matchesAny(f.Types, eventType) || matchesAny(f.NotTypes, eventType) {
		return false
	}
	return sender == "" || (f.Senders == nil || slices.Contains(f.Senders, sender)) && !slices.Contains(f.NotSenders, sender)
}

// matchesAny tells whether a type is one of some patterns, in which * stands for any
// text.
func matchesAny(patterns []string, eventType string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, eventType) })
}

func matches(pattern, text string) bool {
	before, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	if text, wild = strings.CutPrefix(text, before); !wild {
		return false
	}
	// The shortest match of each part leaves the most for those behind it.
	for {
		part, behind, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text, rest = text[at+len(part):], behind
	}
}

// findFilter gives the filter a request names: written out, or by the ID of one that
// was made before.
func (s *Server) findFilter(ctx context.Context, device todevice.Device, text string) (f filter, err error) {
	if text == "" {
		return filter{}, nil
	}
	raw := json.RawMessage(text)
	if !strings.HasPrefix(text, "{") {
		raw, err = s.store.Filter(ctx, device.User.Localpart, text)
		if errors.Is(err, todevice.ErrNoData) {
			return filter{}, httpapi.InvalidParam("There is no filter of this ID")
		}
		if err != nil {
			return filter{}, fmt.Errorf("sync: %w", err)
		}
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return filter{}, httpapi.InvalidParam("filter is not JSON of the right shape")
	}
	return f, nil
}

// apply takes out of the news what the client does not wish to hear.
func (f filter) apply(news *todevice.News, user todevice.UserID) {
	news.AccountData = slices.DeleteFunc(news.AccountData, func(d todevice.AccountData) bool {
		return !f.AccountData.admits(d.Type, "")
	})
	if news.Presence != nil && !f.Presence.admits("m.presence", user.String()) {
		news.Presence = nil
	}
}
