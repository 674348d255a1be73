package federationapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// maxQueriedServers and maxQueriedKeys bound what one query asks for: servers, and
	// keys of each.
	maxQueriedServers = 100
	maxQueriedKeys    = 64
	// queryPatience is how long servers are waited for whose keys are not at hand.
	queryPatience = 10 * time.Second
	// maxQueryAnswer is the size in bytes from which on key objects are left out of an
	// answer. Honest ones are of 1 KiB.
	maxQueryAnswer = 4 << 20
)

// A keyQuery asks for the keys of one server.
type keyQuery struct {
	server spec.ServerName
	// keys has, for each key ID, until when the object it stands in is to be valid, in
	// milliseconds. It is empty where all keys are asked for; those are to be valid
	// until validUntil.
	keys       map[gomatrixserverlib.KeyID]int64
	validUntil int64
}

// readKeyQueries reads a POST /query.
func readKeyQueries(r *http.Request) ([]keyQuery, error) {
	var body struct {
		ServerKeys map[spec.ServerName]map[gomatrixserverlib.KeyID]struct {
			MinimumValidUntil *int64 `json:"minimum_valid_until_ts"`
		} `json:"server_keys"`
	}
	if err := httpapi.ReadJSON(r, &body); err != nil {
		return nil, err
	}
	switch {
	case body.ServerKeys == nil:
		return nil, httpapi.BadJSON("server_keys is missing")
	case len(body.ServerKeys) > maxQueriedServers:
		return nil, httpapi.InvalidParam(fmt.Sprintf("There are more than %d servers", maxQueriedServers))
	}
	now := time.Now().UnixMilli()
	var queries []keyQuery
	for _, server := range slices.Sorted(maps.Keys(body.ServerKeys)) {
		query := keyQuery{server: server, keys: map[gomatrixserverlib.KeyID]int64{}, validUntil: now}
		if len(body.ServerKeys[server]) > maxQueriedKeys {
			return nil, httpapi.InvalidParam(fmt.Sprintf("There are more than %d keys of a server", maxQueriedKeys))
		}
		for id, criteria := range body.ServerKeys[server] {
			query.keys[id] = now
			if criteria.MinimumValidUntil != nil {
				query.keys[id] = *criteria.MinimumValidUntil
			}
		}
		queries = append(queries, query)
	}
	return queries, nil
}

// readKeyQuery reads a GET /query, which asks for one server, and in its older form
// for one key.
func readKeyQuery(r *http.Request) ([]keyQuery, error) {
	server, err := httpapi.PathVar(r, "serverName")
	if err != nil {
		return nil, err
	}
	id, err := httpapi.PathVar(r, "keyId")
	if err != nil {
		return nil, err
	}
	query := keyQuery{server: spec.ServerName(server), validUntil: time.Now().UnixMilli()}
	if least := r.URL.Query().Get("minimum_valid_until_ts"); least != "" {
		if query.validUntil, err = strconv.ParseInt(least, 10, 64); err != nil {
			return nil, httpapi.InvalidParam("minimum_valid_until_ts is not a number of milliseconds")
		}
	}
	if id != "" {
		query.keys = map[gomatrixserverlib.KeyID]int64{gomatrixserverlib.KeyID(id): query.validUntil}
	}
	return []keyQuery{query}, nil
}

// queryKeys: POST /_matrix/key/v2/query, GET /_matrix/key/v2/query/{serverName}
//
// The objects are those of the servers themselves, with our signature added. A
// server is asked if what is known of its keys is not valid for as long as the query
// wants; if it does not answer, what is known is given all the same.
//
// https://spec.matrix.org/v1.15/server-server-api/#querying-keys-through-another-server
func (s *Server) queryKeys(ctx context.Context, queries []keyQuery) (json.RawMessage, error) {
	if err := s.askFor(ctx, queries); err != nil {
		return nil, err
	}
	var objects [][]byte
	size := 0
	for _, query := range queries {
		published, err := s.keyObjects(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, object := range published {
			if size += len(object); size > maxQueryAnswer {
				break
			}
			objects = append(objects, object)
		}
	}
	return slices.Concat([]byte(`{"server_keys":[`), bytes.Join(objects, []byte(",")), []byte(`]}`)), nil
}

// askFor asks the servers whose keys are not at hand, all at once, and waits for
// them. Those that cannot be asked now are passed over.
func (s *Server) askFor(ctx context.Context, queries []keyQuery) error {
	ctx, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	var begun []*flight
	for _, query := range queries {
		if query.server == s.cfg.Name || !todevice.ValidServerName(query.server) || !s.cfg.Servers.Admit(query.server) {
			continue
		}
		known, err := s.keys.store.ServerKeyObjects(ctx, query.server)
		if err != nil {
			return err
		}
		id, wanting := query.wanting(known)
		if !wanting {
			continue
		}
		if there, _ := s.keys.flights.begin(query.server, id, forOthers); there != nil {
			begun = append(begun, there)
		}
	}
	for _, there := range begun {
		select {
		case <-there.landed:
		case <-ctx.Done():
			return nil // what has come by now must do
		}
	}
	return nil
}

// wanting tells whether the server must be asked, and a key to ask for: "" where any
// will do.
func (q keyQuery) wanting(known []todevice.KeyObject) (gomatrixserverlib.KeyID, bool) {
	until := map[gomatrixserverlib.KeyID]int64{}
	longest := int64(0)
	for _, object := range known {
		for _, id := range object.Keys {
			until[id] = validUntil(object.JSON)
			longest = max(longest, until[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(q.keys)) {
		if until[id] < q.keys[id] || until[id] == 0 {
			return id, true
		}
	}
	return "", len(q.keys) == 0 && (longest < q.validUntil || longest == 0)
}

// validUntil gives the valid_until_ts of a key object, 0 where it has none.
func validUntil(object json.RawMessage) int64 {
	members, _ := rawjson.Object(object)
	until, err := strconv.ParseInt(string(members["valid_until_ts"]), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return until
}

// keyObjects gives the objects a query asks for, as far as they are known, signed by
// us as well.
func (s *Server) keyObjects(ctx context.Context, query keyQuery) ([]json.RawMessage, error) {
	if query.server == s.cfg.Name {
		own, err := s.publishKeys(ctx, struct{}{})
		return []json.RawMessage{own}, err
	}
	known, err := s.keys.store.ServerKeyObjects(ctx, query.server)
	if err != nil {
		return nil, err
	}
	var objects []json.RawMessage
	for _, object := range known {
		asked := func(id gomatrixserverlib.KeyID) bool { _, asked := query.keys[id]; return asked }
		if len(query.keys) > 0 && !slices.ContainsFunc(object.Keys, asked) {
			continue
		}
		signed, err := signing.SignObject(object.JSON, s.cfg.Name, s.cfg.Key)
		if err != nil {
			s.log.WithError(err).WithField("server", string(query.server)).Warn("a key object cannot be signed")
			continue
		}
		objects = append(objects, signed)
	}
	return objects, nil
}
