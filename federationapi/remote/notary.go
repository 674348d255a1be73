package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/rawjson"
)

// notaryQuery is the body of a query, as a notary takes it.
type notaryQuery struct {
	ServerKeys map[spec.ServerName]map[gomatrixserverlib.KeyID]notaryCriteria `json:"server_keys"`
}

type notaryCriteria struct {
	MinimumValidUntil spec.Timestamp `json:"minimum_valid_until_ts"`
}

// NotaryKeys asks a notary for a key of another server and gives the key objects it
// answers with, unchecked.
//
// https://spec.matrix.org/v1.15/server-server-api/#post_matrixkeyv2query
func (c *Client) NotaryKeys(ctx context.Context, notary, server spec.ServerName, key gomatrixserverlib.KeyID) ([]json.RawMessage, error) {
	body, err := json.Marshal(notaryQuery{map[spec.ServerName]map[gomatrixserverlib.KeyID]notaryCriteria{
		server: {key: {MinimumValidUntil: spec.AsTimestamp(time.Now())}},
	}})
	if err != nil {
		return nil, fmt.Errorf("make the query: %w", err)
	}
	got, err := c.do(ctx, http.MethodPost, notary, "/_matrix/key/v2/query", body, keyAnswerLimit)
	switch {
	case err != nil:
		return nil, err
	case got.status != http.StatusOK:
		return nil, refusal(got)
	case !got.whole:
		return nil, errors.New("the answer is too long or broke off")
	}
	answer, _ := rawjson.Object(got.body)
	objects, ok := rawjson.List(answer["server_keys"])
	if !ok {
		return nil, errors.New("the answer has no server_keys")
	}
	return objects, nil
}
