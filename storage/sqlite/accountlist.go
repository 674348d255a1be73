package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// Accounts lists all users by name, also those who are deactivated.
func (s *Store) Accounts(ctx context.Context) ([]todevice.AccountInfo, error) {
	rows, err := s.query(ctx, `SELECT localpart, admin, created, 0, (SELECT count(*) FROM devices d WHERE d.localpart = u.localpart)
		FROM users u UNION ALL SELECT localpart, 0, created, at, 0 FROM deactivated_users ORDER BY localpart`)
	list, err := collect(rows, err, func(rows *sql.Rows) (a todevice.AccountInfo, err error) {
		var created, deactivated int64
		err = rows.Scan(&a.Localpart, &a.Admin, &created, &deactivated, &a.Devices)
		a.Created = time.UnixMilli(created)
		if deactivated != 0 {
			a.Deactivated = time.UnixMilli(deactivated)
		}
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}
