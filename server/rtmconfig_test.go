package server

import (
	"testing"

	"github.com/chappe-im/chappe/config"
)

func TestWhatIsSetForAnRTMAppReachesTheDoor(t *testing.T) {
	cfg := config.Default()
	cfg.RTM.Apps = []config.RTMApp{{ID: "a"}, {ID: "b", OpenHistory: true}, {ID: "c", OpenEvents: true}, {ID: "d", ChannelCodeWithSpace: true}}
	for i, app := range rtmConfig(cfg).Apps {
		want := cfg.RTM.Apps[i]
		if app.ID != want.ID || app.OpenHistory != want.OpenHistory || app.OpenEvents != want.OpenEvents || app.ChannelCodeWithSpace != want.ChannelCodeWithSpace {
			t.Errorf("got %+v, want %+v", app, want)
		}
	}
}
