package relay

// WaitRTMEvents registers the caller, as Wait does, for the events of an RTM app.
func (n *Notifier) WaitRTMEvents(app string) (woken <-chan struct{}, leave func()) {
	signal := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rtmEvents[app] == nil {
		n.rtmEvents[app] = make(map[chan struct{}]struct{}, 1)
	}
	n.rtmEvents[app][signal] = struct{}{}
	return signal, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if delete(n.rtmEvents[app], signal); len(n.rtmEvents[app]) == 0 {
			delete(n.rtmEvents, app)
		}
	}
}

// WakeRTMEvents signals everyone who waits for events of one of the RTM apps.
func (n *Notifier) WakeRTMEvents(apps []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, app := range apps {
		for signal := range n.rtmEvents[app] {
			select {
			case signal <- struct{}{}:
			default: // it has a signal it has not looked at yet
			}
		}
	}
}
