package keybackup

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	maxUploadBody = 20 << 20
	// maxUploadKeys bounds the keys of one request: they go into one commit, and
	// others wait for it. Clients send some hundreds.
	maxUploadKeys = 10_000
	// maxID bounds the IDs of rooms and sessions, and maxSessionData what is in a key,
	// in bytes. Real keys have about 1000.
	maxID          = 255
	maxSessionData = 64 << 10
	// maxCount is the largest number that JSON readers agree on.
	maxCount = 1<<53 - 1
)

type uploadQuery struct {
	version todevice.BackupVersion
	keys    []todevice.BackedUpKey
}

type uploadAnswer struct {
	Etag  string `json:"etag"`
	Count int64  `json:"count"`
}

// A decoder reads the keys of a body. Room and session are those of the path, where it
// names them.
type decoder func(room, session string, body json.RawMessage) ([]todevice.BackedUpKey, error)

// readUpload reads a request whose body the decoder understands.
func readUpload(decode decoder) func(*http.Request) (uploadQuery, error) {
	return func(r *http.Request) (uploadQuery, error) {
		place, err := readKeys(r)
		if err != nil {
			return uploadQuery{}, err
		}
		body, err := httpapi.ReadBody(r, maxUploadBody)
		if err != nil {
			return uploadQuery{}, err
		}
		keys, err := decode(place.room, place.session, body)
		if err != nil {
			return uploadQuery{}, err
		}
		if len(keys) > maxUploadKeys {
			return uploadQuery{}, httpapi.TooLarge(fmt.Sprintf("There are over %d keys in one request", maxUploadKeys))
		}
		return uploadQuery{version: place.version, keys: keys}, nil
	}
}

// decodeRooms reads {"rooms": {room: {"sessions": {session: key}}}}.
func decodeRooms(_, _ string, body json.RawMessage) (keys []todevice.BackedUpKey, err error) {
	rooms, err := members(body, "rooms")
	if err != nil {
		return nil, err
	}
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		ofRoom, err := decodeRoom(room, "", rooms[room])
		if err != nil {
			return nil, err
		}
		keys = append(keys, ofRoom...)
	}
	return keys, nil
}

// decodeRoom reads {"sessions": {session: key}}.
func decodeRoom(room, _ string, body json.RawMessage) (keys []todevice.BackedUpKey, err error) {
	sessions, err := members(body, "sessions")
	if err != nil {
		return nil, err
	}
	for _, session := range slices.Sorted(maps.Keys(sessions)) {
		key, err := decodeKey(room, session, sessions[session])
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func decodeSession(room, session string, body json.RawMessage) ([]todevice.BackedUpKey, error) {
	key, err := decodeKey(room, session, body)
	return []todevice.BackedUpKey{key}, err
}

// members gives the members of the object that stands under a name.
func members(body json.RawMessage, name string) (map[string]json.RawMessage, error) {
	fields, ok := rawjson.Object(body)
	if !ok {
		return nil, httpapi.BadJSON("What should hold " + name + " is not an object")
	}
	inner, ok := rawjson.Object(fields[name])
	if !ok {
		return nil, httpapi.BadJSON(name + " is missing or not an object")
	}
	return inner, nil
}

func decodeKey(room, session string, raw json.RawMessage) (todevice.BackedUpKey, error) {
	if room == "" || len(room) > maxID || session == "" || len(session) > maxID {
		return todevice.BackedUpKey{}, httpapi.InvalidParam(fmt.Sprintf("A room or session ID is empty or over %d bytes", maxID))
	}
	fields, ok := rawjson.Object(raw)
	if !ok {
		return todevice.BackedUpKey{}, httpapi.BadJSON("A key is not an object")
	}
	k := todevice.BackedUpKey{Room: room, Session: session, Data: fields["session_data"]}
	for name, into := range map[string]any{
		"first_message_index": &k.FirstMessageIndex, "forwarded_count": &k.ForwardedCount, "is_verified": &k.Verified,
	} {
		if rawjson.Present(fields[name]) == nil || json.Unmarshal(fields[name], into) != nil {
			return todevice.BackedUpKey{}, httpapi.BadJSON(name + " is missing or has the wrong shape")
		}
	}
	switch {
	case min(k.FirstMessageIndex, k.ForwardedCount) < 0 || max(k.FirstMessageIndex, k.ForwardedCount) > maxCount:
		return todevice.BackedUpKey{}, httpapi.BadJSON("first_message_index or forwarded_count is no count")
	case len(k.Data) == 0 || k.Data[0] != '{':
		return todevice.BackedUpKey{}, httpapi.BadJSON("session_data is missing or not an object")
	case len(k.Data) > maxSessionData:
		return todevice.BackedUpKey{}, httpapi.TooLarge(fmt.Sprintf("A session_data is over %d bytes", maxSessionData))
	case canonicaljson.TooDeep(k.Data):
		return todevice.BackedUpKey{}, httpapi.BadJSON("A session_data is nested too deep")
	}
	return k, nil
}

// upload puts keys into the latest backup, all or none.
//
// PUT /_matrix/client/v3/room_keys/keys
// PUT /_matrix/client/v3/room_keys/keys/{roomId}
// PUT /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3room_keyskeys
func (s *Server) upload(ctx context.Context, device todevice.Device, q uploadQuery) (uploadAnswer, error) {
	state, err := s.store.AddBackedUpKeys(ctx, device.User.Localpart, q.version, q.keys)
	if err != nil {
		return uploadAnswer{}, explain(err)
	}
	return uploadAnswer{Etag: formatEtag(state), Count: state.Keys}, nil
}
