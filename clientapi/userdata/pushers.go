package userdata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// How long the names of a pusher may be: the app's in characters, the other in bytes.
const (
	maxAppID   = 64
	maxPushKey = 512
)

type pushersAnswer struct {
	Pushers []json.RawMessage `json:"pushers"`
}

// pushers lists where the user wants to hear of messages.
//
// GET /_matrix/client/v3/pushers
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3pushers
func (s *Server) pushers(ctx context.Context, device todevice.Device, _ struct{}) (pushersAnswer, error) {
	pushers, err := s.store.Pushers(ctx, device.User.Localpart)
	if err != nil {
		return pushersAnswer{}, fmt.Errorf("list pushers: %w", err)
	}
	return pushersAnswer{Pushers: append([]json.RawMessage{}, pushers...)}, nil
}

// A pusherChange sets a pusher, or deletes one.
type pusherChange struct {
	pusher todevice.Pusher
	delete bool
	shared bool // other users may have it, too
}

// pusherBody is a pusher as clients write it, and as they are shown it again.
type pusherBody struct {
	PushKey           *string         `json:"pushkey"`
	Kind              *string         `json:"kind"`
	AppID             *string         `json:"app_id"`
	AppDisplayName    *string         `json:"app_display_name"`
	DeviceDisplayName *string         `json:"device_display_name"`
	ProfileTag        *string         `json:"profile_tag,omitempty"`
	Lang              *string         `json:"lang"`
	Data              json.RawMessage `json:"data"`
}

func readPusher(r *http.Request) (pusherChange, error) {
	body, err := httpapi.ReadBody(r, maxContent)
	if err != nil {
		return pusherChange{}, err
	}
	var names struct {
		pusherBody
		Append bool `json:"append"`
	}
	if err := httpapi.Decode(body, &names); err != nil {
		return pusherChange{}, err
	}
	p := names.pusherBody
	members, _ := rawjson.Object(body)
	if _, there := members["kind"]; !there || p.AppID == nil || p.PushKey == nil {
		return pusherChange{}, httpapi.MissingParam("A pusher has kind, app_id and pushkey")
	}
	if utf8.RuneCountInString(*p.AppID) > maxAppID || len(*p.PushKey) > maxPushKey {
		return pusherChange{}, httpapi.InvalidParam(fmt.Sprintf("app_id is over %d characters, or pushkey over %d bytes", maxAppID, maxPushKey))
	}
	change := pusherChange{delete: p.Kind == nil, shared: names.Append}
	change.pusher = todevice.Pusher{AppID: *p.AppID, PushKey: *p.PushKey}
	if change.delete {
		return change, nil
	}
	if err := checkPusher(p); err != nil {
		return pusherChange{}, err
	}
	change.pusher.JSON, err = json.Marshal(p)
	return change, err
}

// checkPusher checks what a pusher needs besides its names.
func checkPusher(p pusherBody) error {
	if p.AppDisplayName == nil || p.DeviceDisplayName == nil || p.Lang == nil || p.Data == nil {
		return httpapi.MissingParam("A pusher has app_display_name, device_display_name, lang and data")
	}
	if *p.Kind != "http" {
		return httpapi.InvalidParam("The kind of a pusher is http here")
	}
	data, ok := rawjson.Object(p.Data)
	if !ok {
		return httpapi.BadJSON("data is not an object")
	}
	if data["url"] == nil {
		return httpapi.MissingParam("data has no url")
	}
	gateway, ok := rawjson.Text(data["url"])
	if !ok {
		return httpapi.BadJSON("url is not a string")
	}
	to, err := url.Parse(gateway)
	if err != nil || to.Scheme != "https" || to.Host == "" || to.Path != "/_matrix/push/v1/notify" {
		return httpapi.InvalidParam("The url must be https and have the path /_matrix/push/v1/notify")
	}
	return nil
}

// setPusher keeps a pusher until its device logs out. There are no rooms with events
// to push, so nothing is ever sent to it.
//
// POST /_matrix/client/v3/pushers/set
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3pushersset
func (s *Server) setPusher(ctx context.Context, device todevice.Device, q pusherChange) (httpapi.Empty, error) {
	var err error
	if q.delete {
		err = s.store.DeletePusher(ctx, device.User.Localpart, q.pusher.AppID, q.pusher.PushKey)
	} else {
		err = s.store.SetPusher(ctx, device.Inbox, q.pusher, q.shared)
	}
	if errors.Is(err, todevice.ErrUnknownDevice) { // logged out meanwhile
		return httpapi.Empty{}, httpapi.UnknownToken()
	}
	if err != nil {
		return httpapi.Empty{}, fmt.Errorf("set a pusher: %w", refusal(err))
	}
	return httpapi.Empty{}, nil
}

type notificationsAnswer struct {
	Notifications []struct{} `json:"notifications"`
}

// notifications lists the events the user was notified of: there are none.
//
// GET /_matrix/client/v3/notifications
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3notifications
func (s *Server) notifications(context.Context, todevice.Device, struct{}) (notificationsAnswer, error) {
	return notificationsAnswer{Notifications: []struct{}{}}, nil
}
