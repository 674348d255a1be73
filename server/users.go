package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// Users lists the accounts in the database a configuration names, also while a server
// runs on it.
func Users(ctx context.Context, cfg config.Config) (list []todevice.AccountInfo, err error) {
	err = onDatabase(cfg, func(store *sqlite.Store) error {
		list, err = store.Accounts(ctx)
		return err
	})
	return list, err
}

// LoginToken makes a token with which a user can log in once, also while a server runs.
func LoginToken(ctx context.Context, cfg config.Config, log *logrus.Entry, name string, lifetime time.Duration) (token string, err error) {
	err = onAccounts(cfg, log, func(accounts *clientapi.Server) error {
		token, err = accounts.LoginToken(ctx, name, lifetime)
		return err
	})
	return token, err
}

// AddRegistrationToken makes a token for strangers to register with, also while a
// server runs.
func AddRegistrationToken(ctx context.Context, cfg config.Config, log *logrus.Entry, r todevice.RegistrationToken) (token string, err error) {
	err = onAccounts(cfg, log, func(accounts *clientapi.Server) error {
		token, err = accounts.AddRegistrationToken(ctx, r)
		return err
	})
	return token, err
}

// RegistrationTokens lists them, also while a server runs.
func RegistrationTokens(ctx context.Context, cfg config.Config) (list []todevice.RegistrationToken, err error) {
	err = onDatabase(cfg, func(store *sqlite.Store) error {
		list, err = store.RegistrationTokens(ctx)
		return err
	})
	return list, err
}

// RemoveRegistrationToken ends one, also while a server runs.
func RemoveRegistrationToken(ctx context.Context, cfg config.Config, token string) error {
	return onDatabase(cfg, func(store *sqlite.Store) error { return store.RemoveRegistrationToken(ctx, token) })
}

// DeactivateUser ends an account for ever.
func DeactivateUser(ctx context.Context, cfg config.Config, log *logrus.Entry, name string) error {
	return changeUser(ctx, cfg, log, deactivatePath, userRequest{User: name})
}

// ResetPassword gives a user another password, and logs all devices out.
func ResetPassword(ctx context.Context, cfg config.Config, log *logrus.Entry, name, password string) error {
	return changeUser(ctx, cfg, log, passwordPath, userRequest{User: name, Password: password})
}

// The paths of the control socket at which users are changed.
const (
	deactivatePath = "/users/deactivate"
	passwordPath   = "/users/password"
)

// userRequest is the body of requests to these.
type userRequest struct {
	User     string `json:"user"`
	Password string `json:"password,omitempty"`
}

// userChanges are what can be done to a user, by path.
func userChanges(accounts *clientapi.Server) map[string]func(context.Context, userRequest) error {
	return map[string]func(context.Context, userRequest) error{
		deactivatePath: func(ctx context.Context, r userRequest) error { return accounts.DeactivateUser(ctx, r.User) },
		passwordPath: func(ctx context.Context, r userRequest) error {
			return accounts.ResetPassword(ctx, r.User, r.Password)
		},
	}
}

// changeUser has the server that runs on the data folder make a change: it remembers
// whose the access tokens are, and has the /sync of devices open. Where none runs, the
// change is made in the database, and none can start meanwhile.
func changeUser(ctx context.Context, cfg config.Config, log *logrus.Entry, path string, request userRequest) error {
	if told, err := tell(ctx, cfg, path, request); told || err != nil {
		return err
	}
	if err := databaseExists(cfg); err != nil {
		return err
	}
	lock, err := lockFolder(cfg.DataDir)
	if err != nil {
		return fmt.Errorf("a server runs here and does not answer at its socket: %w", err)
	}
	err = onAccounts(cfg, log, func(accounts *clientapi.Server) error { return userChanges(accounts)[path](ctx, request) })
	return errors.Join(err, lock.Close())
}

// onAccounts does something with the accounts in the database. It sends nothing, asks
// nobody, and wakes nobody.
func onAccounts(cfg config.Config, log *logrus.Entry, do func(*clientapi.Server) error) error {
	return onDatabase(cfg, func(store *sqlite.Store) error {
		return do(clientapi.New(clientConfig(cfg), store, nil, relay.NewNotifier(), nil, log))
	})
}

// onDatabase does something with the database that is there.
func onDatabase(cfg config.Config, do func(*sqlite.Store) error) error {
	if err := databaseExists(cfg); err != nil {
		return err
	}
	store, err := openStore(cfg, sqlite.Options{})
	if err != nil {
		return err
	}
	return errors.Join(do(store), store.Close())
}

func databaseExists(cfg config.Config) error {
	_, err := os.Stat(databasePath(cfg))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no database in %s: no server has run with this configuration yet, or it was started in another folder", cfg.DataDir)
	}
	return err
}
