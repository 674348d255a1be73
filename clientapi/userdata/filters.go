package userdata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

type newFilter struct {
	user   string
	filter json.RawMessage
}

func readNewFilter(r *http.Request) (q newFilter, err error) {
	if q.user, err = httpapi.PathVar(r, "userId"); err != nil {
		return newFilter{}, err
	}
	if q.filter, err = readContent(r); err != nil {
		return newFilter{}, err
	}
	if err := checkFilter(q.filter); err != nil {
		return newFilter{}, httpapi.BadJSON("This is not a filter: " + err.Error())
	}
	return q, nil
}

type filterAnswer struct {
	FilterID string `json:"filter_id"`
}

// makeFilter keeps a filter, for /sync to be asked for what it lets through.
//
// POST /_matrix/client/v3/user/{userId}/filter
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3useruseridfilter
func (s *Server) makeFilter(ctx context.Context, device todevice.Device, q newFilter) (filterAnswer, error) {
	if err := checkOwn(device, q.user); err != nil {
		return filterAnswer{}, err
	}
	id, err := s.store.MakeFilter(ctx, device.User.Localpart, q.filter)
	if err != nil {
		return filterAnswer{}, fmt.Errorf("keep a filter: %w", refusal(err))
	}
	return filterAnswer{FilterID: id}, nil
}

type filterQuery struct{ user, id string }

func readFilterQuery(r *http.Request) (q filterQuery, err error) {
	if q.user, err = httpapi.PathVar(r, "userId"); err != nil {
		return filterQuery{}, err
	}
	q.id, err = httpapi.PathVar(r, "filterId")
	return q, err
}

// filter gives a filter back as it was made.
//
// GET /_matrix/client/v3/user/{userId}/filter/{filterId}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3useruseridfilterfilterid
func (s *Server) filter(ctx context.Context, device todevice.Device, q filterQuery) (json.RawMessage, error) {
	if err := checkOwn(device, q.user); err != nil {
		return nil, err
	}
	filter, err := s.store.Filter(ctx, device.User.Localpart, q.id)
	if errors.Is(err, todevice.ErrNoData) {
		return nil, httpapi.NotFound("You have no filter of this ID")
	}
	if err != nil {
		return nil, fmt.Errorf("give a filter: %w", err)
	}
	return filter, nil
}
