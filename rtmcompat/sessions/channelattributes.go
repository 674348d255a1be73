package sessions

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/channels/attributes"
)

// ChannelAttributes are what is kept of channels. Their errors are those of
// [attributes.Keeper].
type ChannelAttributes interface {
	Set(ctx context.Context, w attributes.Writer, channel string, values map[string]string, notify bool) error
	Update(ctx context.Context, w attributes.Writer, channel string, values map[string]string, notify bool) error
	Delete(ctx context.Context, w attributes.Writer, channel string, keys []string, notify bool) error
	Clear(ctx context.Context, w attributes.Writer, channel string, notify bool) error
	All(ctx context.Context, app, channel string) ([]attributes.Attribute, error)
	ByKeys(ctx context.Context, app, channel string, keys []string) ([]attributes.Attribute, error)
}

// attributeFailure is the code of a fault that is not the program's.
const attributeFailure = 2

// A channelAttributeList is the content of AddOrUpdateChanAttributes.
type channelAttributeList struct {
	MsgId  int64
	ChanId string
	// SetChan is true if nothing that was there is to stay.
	SetChan    bool
	Attributes string // a JSON object in a string
	Notify     bool
}

func (ss *session) setChannelAttributes(q channelAttributeList) {
	var values map[string]string
	code := ss.writeChannel(q.ChanId, json.Unmarshal([]byte(q.Attributes), &values), func(ctx context.Context, w attributes.Writer) error {
		if q.SetChan {
			return ss.server.attributes.Set(ctx, w, q.ChanId, values, q.Notify)
		}
		return ss.server.attributes.Update(ctx, w, q.ChanId, values, q.Notify)
	})
	ss.send("AddOrUpdateChanAttributes", map[string]any{"Code": code, "MsgId": q.MsgId, "ChanId": q.ChanId})
}

func (ss *session) deleteChannelAttributes(q struct {
	MsgId  int64
	ChanId string
	Keys   string // a JSON array in a string
	Notify bool
}) {
	var keys []string
	code := ss.writeChannel(q.ChanId, json.Unmarshal([]byte(q.Keys), &keys), func(ctx context.Context, w attributes.Writer) error {
		return ss.server.attributes.Delete(ctx, w, q.ChanId, keys, q.Notify)
	})
	ss.send("DeleteChanAttributes", map[string]any{"Code": code, "MsgId": q.MsgId, "ChanId": q.ChanId})
}

func (ss *session) clearChannelAttributes(q struct {
	MsgId  int64
	ChanId string
	Notify bool
}) {
	code := ss.writeChannel(q.ChanId, nil, func(ctx context.Context, w attributes.Writer) error {
		return ss.server.attributes.Clear(ctx, w, q.ChanId, q.Notify)
	})
	ss.send("ClearChanAttributes", map[string]any{"Code": code, "MsgId": q.MsgId})
}

// writeChannel makes a change unless what was read is bad, and gives its code.
func (ss *session) writeChannel(channel string, bad error, change func(context.Context, attributes.Writer) error) (code int) {
	switch {
	case bad != nil, !rtmcompat.ValidName(channel):
		return attributeInvalid
	case !ss.may(writingChannel):
		return attributeTooOften
	}
	w := attributes.Writer{App: ss.app.ID, UID: ss.uid, Localpart: ss.device.User.Localpart}
	return ss.attributeCode(change(ss.server.running, w))
}

func (ss *session) attributeCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, attributes.ErrInvalid):
		return attributeInvalid
	case errors.Is(err, attributes.ErrTooLarge):
		return attributeTooLarge
	default:
		ss.server.log.WithError(err).Error("could not do what a session asked of the attributes of a channel")
		return attributeFailure
	}
}

func (ss *session) getChannelAttributes(q struct {
	MsgId  int64
	ChanId string
}) {
	ss.tellChannelAttributes("GetChanAttributes", q.MsgId, q.ChanId, nil, func() ([]attributes.Attribute, error) {
		return ss.server.attributes.All(ss.server.running, ss.app.ID, q.ChanId)
	})
}

func (ss *session) getChannelAttributesByKeys(q struct {
	MsgId  int64
	ChanId string
	Keys   string // a JSON array in a string
}) {
	var keys []string
	bad := json.Unmarshal([]byte(q.Keys), &keys)
	ss.tellChannelAttributes("GetChanAttributesByKeys", q.MsgId, q.ChanId, bad, func() ([]attributes.Attribute, error) {
		return ss.server.attributes.ByKeys(ss.server.running, ss.app.ID, q.ChanId, keys)
	})
}

func (ss *session) tellChannelAttributes(cmd string, id int64, channel string, bad error, read func() ([]attributes.Attribute, error)) {
	code, found := 0, []attributes.Attribute{}
	switch {
	case bad != nil, !rtmcompat.ValidName(channel):
		code = attributeInvalid
	case !ss.may(readingChannel):
		code = attributeTooOften
	default:
		list, err := read()
		if code = ss.attributeCode(err); err == nil {
			found = list
		}
	}
	text, _ := json.Marshal(found) // of strings and numbers
	ss.send(cmd, map[string]any{"Code": code, "MsgId": id, "ChanId": channel, "Attributes": string(text)})
}
