package arrtm_test

import "testing"

// scenarios are what happens with clients of the SDK, wherever they run.
var scenarios = map[string]func(*testing.T, *program){
	"Login":                  login,
	"LoginRefused":           loginRefused,
	"SecondLogin":            secondLogin,
	"TokenRenewed":           tokenRenewed,
	"TokenExpired":           tokenExpired,
	"KeepAliveOfTheClient":   keepAliveOfTheClient,
	"KeepAliveOfTheServer":   keepAliveOfTheServer,
	"PeerMessages":           peerMessages,
	"PeerMessageLimits":      peerMessageLimits,
	"OfflineMessages":        offlineMessages,
	"Interruption":           interruption,
	"Channel":                channel,
	"ChannelInterruption":    channelInterruption,
	"Presence":               presence,
	"UserAttributes":         userAttributes,
	"ChannelAttributes":      channelAttributes,
	"InvitationAccepted":     invitationAccepted,
	"InvitationRefused":      invitationRefused,
	"InvitationCanceled":     invitationCanceled,
	"InvitationToNobody":     invitationToNobody,
	"Restart":                restart,
	"RestartAfterKill":       restartAfterKill,
	"RestartsInConversation": restartsInConversation,
	"KillsInConversation":    killsInConversation,
	"TwoServers":             twoServers,
	"ChannelOfTwoServers":    channelOfTwoServers,
	"MatrixClient":           matrixClient,
}
