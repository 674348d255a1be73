// Package keybackup is the door to what clients put away of their room keys,
// encrypted, so that a new device can read what old ones could. This server has no
// rooms; their IDs, and what is in a key, are for the clients alone.
//
// https://spec.matrix.org/v1.15/client-server-api/#server-side-key-backups
package keybackup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// Store is what this door needs of storage.
type Store interface {
	httpapi.Authenticator

	// CreateBackup gives a version that is higher than any the user had.
	CreateBackup(ctx context.Context, localpart string, b todevice.Backup) (todevice.BackupVersion, error)
	// Backup gives the latest backup for the version 0.
	Backup(ctx context.Context, localpart string, version todevice.BackupVersion) (todevice.Backup, error)
	UpdateBackup(ctx context.Context, localpart string, b todevice.Backup) error
	DeleteBackup(ctx context.Context, localpart string, version todevice.BackupVersion) error

	// AddBackedUpKeys keeps all keys, or none, and the better one of two of a session.
	AddBackedUpKeys(ctx context.Context, localpart string, version todevice.BackupVersion, keys []todevice.BackedUpKey) (todevice.BackupState, error)
	// BackedUpKeys gives those behind a room and session, of one room if that is not "".
	BackedUpKeys(ctx context.Context, backup int64, room string, after todevice.BackedUpKey, limit int) ([]todevice.BackedUpKey, error)
	BackedUpKey(ctx context.Context, backup int64, room, session string) (k todevice.BackedUpKey, found bool, err error)
	// DeleteBackedUpKeys deletes those of a session, of a room, or all.
	DeleteBackedUpKeys(ctx context.Context, localpart string, version todevice.BackupVersion, room, session string) (todevice.BackupState, error)
}

// A Server answers the endpoints of key backups.
type Server struct {
	store Store
	log   *logrus.Entry
}

// New makes a Server.
func New(store Store, log *logrus.Entry) *Server { return &Server{store: store, log: log} }

// Routes adds every endpoint of this door to a router made by httpapi.NewRouter.
func (s *Server) Routes(r *mux.Router) {
	// Clients from before backups were specified ask under unstable.
	for _, prefix := range []string{"/_matrix/client/v3", "/_matrix/client/r0", "/_matrix/client/unstable"} {
		s.versionRoutes(r, prefix+"/room_keys/version")
		s.keyRoutes(r, prefix+"/room_keys/keys")
	}
}

func (s *Server) versionRoutes(r *mux.Router, path string) {
	r.Handle(path, httpapi.Authed(s.log, s.store, readNew, s.create)).
		Methods(http.MethodPost)
	r.Handle(path, httpapi.Authed(s.log, s.store, readLatest, s.show)).
		Methods(http.MethodGet)
	r.Handle(path+"/{version}", httpapi.Authed(s.log, s.store, readVersion, s.show)).
		Methods(http.MethodGet)
	r.Handle(path+"/{version}", httpapi.Authed(s.log, s.store, readUpdate, s.update)).
		Methods(http.MethodPut)
	r.Handle(path+"/{version}", httpapi.Authed(s.log, s.store, readVersion, s.delete)).
		Methods(http.MethodDelete)
}

func (s *Server) keyRoutes(r *mux.Router, path string) {
	for _, place := range []struct {
		path   string
		decode decoder
		show   func(context.Context, todevice.Device, keysQuery) (httpapi.Stream, error)
	}{
		{path, decodeRooms, s.showAll},
		{path + "/{roomId}", decodeRoom, s.showRoom},
	} {
		r.Handle(place.path, httpapi.Authed(s.log, s.store, readKeys, place.show)).
			Methods(http.MethodGet)
		r.Handle(place.path, httpapi.Authed(s.log, s.store, readUpload(place.decode), s.upload)).
			Methods(http.MethodPut)
		r.Handle(place.path, httpapi.Authed(s.log, s.store, readKeys, s.deleteKeys)).
			Methods(http.MethodDelete)
	}
	path += "/{roomId}/{sessionId}"
	r.Handle(path, httpapi.Authed(s.log, s.store, readKeys, s.showSession)).
		Methods(http.MethodGet)
	r.Handle(path, httpapi.Authed(s.log, s.store, readUpload(decodeSession), s.upload)).
		Methods(http.MethodPut)
	r.Handle(path, httpapi.Authed(s.log, s.store, readKeys, s.deleteKeys)).
		Methods(http.MethodDelete)
}

// noVersion is a version that there can be of no backup.
const noVersion todevice.BackupVersion = -1

// parseVersion reads a version as it was given out: written otherwise, it is
// another's word for something unknown.
func parseVersion(text string) todevice.BackupVersion {
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil || version <= 0 || strconv.FormatInt(version, 10) != text {
		return noVersion
	}
	return todevice.BackupVersion(version)
}

func formatVersion(version todevice.BackupVersion) string {
	return strconv.FormatInt(int64(version), 10)
}

// explain says in Matrix's words what storage refused.
func explain(err error) error {
	var wrong *todevice.WrongBackupError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return &httpapi.Error{Status: http.StatusForbidden, Body: spec.WrongBackupVersionError(formatVersion(wrong.Latest))}
	case errors.Is(err, todevice.ErrUnknownBackup):
		return httpapi.NotFound("Unknown backup version")
	case errors.Is(err, todevice.ErrBackupAlgorithm):
		return httpapi.InvalidParam("Algorithm does not match")
	case errors.Is(err, todevice.ErrBackupFull):
		return httpapi.TooLarge("Your key backups hold as much as they may: delete an old one")
	case errors.Is(err, todevice.ErrUnknownUser):
		return httpapi.UnknownToken() // deleted since the token was checked
	}
	return fmt.Errorf("key backup: %w", err)
}
