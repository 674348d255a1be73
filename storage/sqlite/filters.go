package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/chappe-im/chappe/todevice"
)

// maxFilters is how many filters a user may have.
const maxFilters = 1000

// MakeFilter keeps a filter and gives the ID under which its user finds it again: the
// same for the same filter. It fails with todevice.ErrUnknownUser or
// todevice.ErrTooMuchData. An ID is a number.
func (s *Store) MakeFilter(ctx context.Context, localpart string, filter json.RawMessage) (id string, err error) {
	digest := sha256.Sum256(filter)
	var number int64
	// Clients make their filter anew whenever they start; most of the time it is there.
	err = s.queryRow(ctx, filterNumber, []any{localpart, digest[:]}, &number)
	if errors.Is(err, sql.ErrNoRows) {
		err = s.write(ctx, func(t *tx) (err error) {
			number, err = t.makeFilter(localpart, digest[:], filter)
			return err
		})
	}
	if err != nil {
		return "", fmt.Errorf("make a filter: %w", err)
	}
	return strconv.FormatInt(number, 10), nil
}

const filterNumber = `SELECT id FROM filters WHERE localpart = ? AND digest = ?`

func (t *tx) makeFilter(localpart string, digest []byte, filter json.RawMessage) (number int64, err error) {
	err = t.queryRow(filterNumber, []any{localpart, digest}, &number)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return number, err
	}
	exists, err := t.userExists(localpart)
	if err != nil || !exists {
		return 0, errorOr(err, todevice.ErrUnknownUser)
	}
	var kept int
	if err := t.queryRow(`SELECT count(*) FROM filters WHERE localpart = ?`, []any{localpart}, &kept); err != nil {
		return 0, err
	}
	if kept >= maxFilters {
		return 0, todevice.ErrTooMuchData
	}
	return t.insert(`INSERT INTO filters (localpart, digest, filter) VALUES (?, ?, ?)`, localpart, digest, []byte(filter))
}

// Filter gives a user's filter of this ID, or todevice.ErrNoData.
func (s *Store) Filter(ctx context.Context, localpart, id string) (filter json.RawMessage, err error) {
	number, err := strconv.ParseUint(id, 10, 63)
	if err != nil || strconv.FormatUint(number, 10) != id {
		return nil, todevice.ErrNoData
	}
	err = s.queryRow(ctx, `SELECT filter FROM filters WHERE id = ? AND localpart = ?`,
		[]any{int64(number), localpart}, (*[]byte)(&filter))
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrNoData
	}
	if err != nil {
		return nil, fmt.Errorf("read a filter: %w", err)
	}
	return filter, nil
}
