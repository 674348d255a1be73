package keybackup

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// pageKeys is how many keys are read at a time of a backup that is shown.
const pageKeys = 100

// A keysQuery names keys of a backup: all, those of a room, or that of a session.
type keysQuery struct {
	version       todevice.BackupVersion
	room, session string
}

// readKeys reads what all requests for keys have in common.
func readKeys(r *http.Request) (q keysQuery, err error) {
	if q.room, err = httpapi.PathVar(r, "roomId"); err != nil {
		return keysQuery{}, err
	}
	if q.session, err = httpapi.PathVar(r, "sessionId"); err != nil {
		return keysQuery{}, err
	}
	version := r.URL.Query().Get("version")
	if version == "" {
		return keysQuery{}, httpapi.MissingParam("Missing parameter: version")
	}
	q.version = parseVersion(version)
	return q, nil
}

// A keyAnswer is a key as its device uploaded it.
type keyAnswer struct {
	FirstMessageIndex int64           `json:"first_message_index"`
	ForwardedCount    int64           `json:"forwarded_count"`
	IsVerified        bool            `json:"is_verified"`
	SessionData       json.RawMessage `json:"session_data"`
}

func answerOf(k todevice.BackedUpKey) keyAnswer {
	return keyAnswer{k.FirstMessageIndex, k.ForwardedCount, k.Verified, k.Data}
}

// showSession gives the key of one session.
//
// GET /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3room_keyskeysroomidsessionid
func (s *Server) showSession(ctx context.Context, device todevice.Device, q keysQuery) (keyAnswer, error) {
	b, err := s.store.Backup(ctx, device.User.Localpart, q.version)
	if err != nil {
		return keyAnswer{}, explain(err)
	}
	key, found, err := s.store.BackedUpKey(ctx, b.ID, q.room, q.session)
	if err != nil {
		return keyAnswer{}, explain(err)
	}
	if !found {
		return keyAnswer{}, httpapi.NotFound("There is no key of this session in the backup")
	}
	return answerOf(key), nil
}

// showRoom gives the keys of a room's sessions, none for a room that is unknown.
//
// GET /_matrix/client/v3/room_keys/keys/{roomId}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3room_keyskeysroomid
func (s *Server) showRoom(ctx context.Context, device todevice.Device, q keysQuery) (httpapi.Stream, error) {
	b, err := s.store.Backup(ctx, device.User.Localpart, q.version)
	if err != nil {
		return nil, explain(err)
	}
	return func(w io.Writer) error { return s.writeKeys(ctx, roomsWriter{w: w, one: q.room}, b.ID) }, nil
}

// showAll gives all keys of a backup. There may be hundreds of megabytes of them, and
// whoever reads them slowly must hold nobody up: they are read some at a time, each
// as it is then.
//
// GET /_matrix/client/v3/room_keys/keys
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3room_keyskeys
func (s *Server) showAll(ctx context.Context, device todevice.Device, q keysQuery) (httpapi.Stream, error) {
	b, err := s.store.Backup(ctx, device.User.Localpart, q.version)
	if err != nil {
		return nil, explain(err)
	}
	return func(w io.Writer) error { return s.writeKeys(ctx, roomsWriter{w: w}, b.ID) }, nil
}

// writeKeys writes a backup, or what it has of the writer's one room.
func (s *Server) writeKeys(ctx context.Context, w roomsWriter, backup int64) error {
	w.open()
	var last todevice.BackedUpKey
	for {
		keys, err := s.store.BackedUpKeys(ctx, backup, w.one, last, pageKeys)
		if err != nil {
			return err
		}
		for _, key := range keys {
			w.key(key)
			last = key
		}
		if w.err != nil || len(keys) < pageKeys {
			break
		}
	}
	w.close()
	return w.err
}

// deleteKeys deletes keys of a backup. There may be none.
//
// DELETE /_matrix/client/v3/room_keys/keys
// DELETE /_matrix/client/v3/room_keys/keys/{roomId}
// DELETE /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}
// https://spec.matrix.org/v1.15/client-server-api/#delete_matrixclientv3room_keyskeys
func (s *Server) deleteKeys(ctx context.Context, device todevice.Device, q keysQuery) (uploadAnswer, error) {
	// What was begun is finished, also for a client that hangs up.
	state, err := s.store.DeleteBackedUpKeys(context.WithoutCancel(ctx), device.User.Localpart, q.version, q.room, q.session)
	if err != nil {
		return uploadAnswer{}, explain(err)
	}
	return uploadAnswer{Etag: formatEtag(state), Count: state.Keys}, nil
}
