package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"syscall"
)

// The app whose users the RTM scenarios are. Its key may send as any of them.
const (
	rtmApp    = "0123456789abcdef0123456789abcdef"
	rtmKey    = "bench"
	rtmSecret = "the-secret-of-the-benchmark"
)

// rtmConfig is the part of a server's configuration that the RTM scenarios need. Users
// of an app without a certificate log in without a token.
func rtmConfig() string {
	return fmt.Sprintf("rtm:\n  apps:\n    - app_id: %q\n      keys:\n        - key: %q\n          secret: %q\n", rtmApp, rtmKey, rtmSecret)
}

func rtmAuthorization() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(rtmKey+":"+rtmSecret))
}

// rtmPath is that of an endpoint by which an user sends.
func rtmPath(uid, endpoint string) string {
	return "/dev/v2/project/" + rtmApp + "/rtm/users/" + uid + "/" + endpoint
}

// bothRTM measures the hub and Chappe, like both.
func bothRTM[R any](ctx context.Context, b *bench, scenario string, measure func(context.Context, *process) (R, error)) (comparison[R], error) {
	return inTurn(ctx, b, scenario, []string{asHub}, func() (*process, error) {
		d, err := newDeployment(filepath.Join(b.dir, scenario), aloneServer)
		if err != nil {
			return nil, err
		}
		d.more = rtmConfig()
		if err := d.prepare(ctx, nil); err != nil {
			return nil, err
		}
		return b.startChappe(ctx, d, scenario)
	}, measure)
}

// needFiles tells whether a process may hold so many connections. Go raises the limit
// to the hard one by itself, here and in the servers.
func needFiles(connections int) error {
	const others = 256
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Cur < uint64(connections+others) {
		return fmt.Errorf("%d sessions need as many open files and a few more, the hard limit is %d (ulimit -Hn)", connections, limit.Max)
	}
	return nil
}
