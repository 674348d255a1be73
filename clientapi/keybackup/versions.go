package keybackup

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	maxAlgorithm = 255      // bytes
	maxAuthData  = 64 << 10 // bytes; real ones have a public key and a few signatures
)

// readNew reads the body that describes a backup.
func readNew(r *http.Request) (todevice.Backup, error) {
	fields, err := httpapi.ReadObject(r)
	if err != nil {
		return todevice.Backup{}, err
	}
	return decodeBackup(fields)
}

func decodeBackup(fields map[string]json.RawMessage) (todevice.Backup, error) {
	for _, name := range []string{"algorithm", "auth_data"} {
		if rawjson.Present(fields[name]) == nil {
			return todevice.Backup{}, httpapi.BadJSON(name + " is missing")
		}
	}
	algorithm, ok := rawjson.Text(fields["algorithm"])
	authData := fields["auth_data"]
	switch {
	case !ok || algorithm == "":
		return todevice.Backup{}, httpapi.BadJSON("algorithm is not a name")
	case len(algorithm) > maxAlgorithm:
		return todevice.Backup{}, httpapi.InvalidParam("algorithm is over 255 bytes")
	case authData[0] != '{':
		return todevice.Backup{}, httpapi.BadJSON("auth_data is not an object")
	case len(authData) > maxAuthData:
		return todevice.Backup{}, httpapi.TooLarge("auth_data is over 65536 bytes")
	case canonicaljson.TooDeep(authData):
		return todevice.Backup{}, httpapi.BadJSON("auth_data is nested too deep")
	}
	return todevice.Backup{Algorithm: algorithm, AuthData: authData}, nil
}

type createAnswer struct {
	Version string `json:"version"`
}

// create begins a backup. It is the latest from then on, and keys go into no other.
//
// POST /_matrix/client/v3/room_keys/version
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3room_keysversion
func (s *Server) create(ctx context.Context, device todevice.Device, b todevice.Backup) (createAnswer, error) {
	version, err := s.store.CreateBackup(ctx, device.User.Localpart, b)
	if err != nil {
		return createAnswer{}, explain(err)
	}
	return createAnswer{Version: formatVersion(version)}, nil
}

func readLatest(*http.Request) (todevice.BackupVersion, error) { return 0, nil }

func readVersion(r *http.Request) (todevice.BackupVersion, error) {
	text, err := httpapi.PathVar(r, "version")
	return parseVersion(text), err
}

type backupAnswer struct {
	Algorithm string          `json:"algorithm"`
	AuthData  json.RawMessage `json:"auth_data"`
	Count     int64           `json:"count"`
	Etag      string          `json:"etag"`
	Version   string          `json:"version"`
}

// show describes the latest backup, or the one asked for.
//
// GET /_matrix/client/v3/room_keys/version
// GET /_matrix/client/v3/room_keys/version/{version}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3room_keysversion
func (s *Server) show(ctx context.Context, device todevice.Device, version todevice.BackupVersion) (backupAnswer, error) {
	b, err := s.store.Backup(ctx, device.User.Localpart, version)
	if version == 0 && errors.Is(err, todevice.ErrUnknownBackup) {
		return backupAnswer{}, httpapi.NotFound("No current backup version")
	}
	if err != nil {
		return backupAnswer{}, explain(err)
	}
	return backupAnswer{
		Algorithm: b.Algorithm,
		AuthData:  b.AuthData,
		Count:     b.Keys,
		Etag:      formatEtag(b.BackupState),
		Version:   formatVersion(b.Version),
	}, nil
}

func formatEtag(state todevice.BackupState) string { return strconv.FormatInt(state.Etag, 10) }

func readUpdate(r *http.Request) (todevice.Backup, error) {
	text, err := httpapi.PathVar(r, "version")
	if err != nil {
		return todevice.Backup{}, err
	}
	fields, err := httpapi.ReadObject(r)
	if err != nil {
		return todevice.Backup{}, err
	}
	b, err := decodeBackup(fields)
	if err != nil {
		return todevice.Backup{}, err
	}
	b.Version = parseVersion(text)
	if again := rawjson.Present(fields["version"]); again != nil {
		same, ok := rawjson.Text(again)
		if !ok {
			return todevice.Backup{}, httpapi.BadJSON("version is not a string")
		}
		if same != text {
			return todevice.Backup{}, httpapi.InvalidParam("Version does not match")
		}
	}
	return b, nil
}

// update changes the auth_data of a backup, and nothing else of it.
//
// PUT /_matrix/client/v3/room_keys/version/{version}
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3room_keysversionversion
func (s *Server) update(ctx context.Context, device todevice.Device, b todevice.Backup) (httpapi.Empty, error) {
	return httpapi.Empty{}, explain(s.store.UpdateBackup(ctx, device.User.Localpart, b))
}

// delete deletes a backup with all keys in it. To delete it once more is a success.
//
// DELETE /_matrix/client/v3/room_keys/version/{version}
// https://spec.matrix.org/v1.15/client-server-api/#delete_matrixclientv3room_keysversionversion
func (s *Server) delete(ctx context.Context, device todevice.Device, version todevice.BackupVersion) (httpapi.Empty, error) {
	// What was begun is finished, also for a client that hangs up.
	return httpapi.Empty{}, explain(s.store.DeleteBackup(context.WithoutCancel(ctx), device.User.Localpart, version))
}
