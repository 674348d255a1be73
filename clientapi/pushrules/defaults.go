package pushrules

import "encoding/json"

// masterRule, once enabled, switches all notifications off.
const masterRule = ".m.rule.master"

// defaultRules are the rules the specification gives every user.
//
// https://spec.matrix.org/v1.17/client-server-api/#predefined-rules
func defaultRules(userID string) map[Kind][]Rule {
	const eventType, stateKey = "type", "state_key"
	const mentions = `content.m\.mentions.`
	master := always(masterRule, nil)
	master.Enabled = false
	return map[Kind][]Rule{
		Override: {
			master,
			always(".m.rule.suppress_notices", nil, match("content.msgtype", "m.notice")),
			always(".m.rule.invite_for_me", notify(sound("default")),
				match(eventType, "m.room.member"), match("content.membership", "invite"), match(stateKey, userID)),
			always(".m.rule.member_event", nil, match(eventType, "m.room.member")),
			always(".m.rule.is_user_mention", notify(sound("default"), highlight()),
				condition("event_property_contains", "key", mentions+"user_ids", "value", userID)),
			always(".m.rule.is_room_mention", notify(highlight()),
				condition("event_property_is", "key", mentions+"room", "value", true),
				condition("sender_notification_permission", "key", "room")),
			always(".m.rule.tombstone", notify(highlight()), match(eventType, "m.room.tombstone"), match(stateKey, "")),
			always(".m.rule.reaction", nil, match(eventType, "m.reaction")),
			always(".m.rule.room.server_acl", nil, match(eventType, "m.room.server_acl"), match(stateKey, "")),
			always(".m.rule.suppress_edits", nil,
				condition("event_property_is", "key", `content.m\.relates_to.rel_type`, "value", "m.replace")),
		},
		Underride: {
			always(".m.rule.call", notify(sound("ring")), match(eventType, "m.call.invite")),
			always(".m.rule.encrypted_room_one_to_one", notify(sound("default")),
				condition("room_member_count", "is", "2"), match(eventType, "m.room.encrypted")),
			always(".m.rule.room_one_to_one", notify(sound("default")),
				condition("room_member_count", "is", "2"), match(eventType, "m.room.message")),
			always(".m.rule.message", notify(), match(eventType, "m.room.message")),
			always(".m.rule.encrypted", notify(), match(eventType, "m.room.encrypted")),
		},
	}
}

// always is a default rule that is enabled.
func always(id string, actions []json.RawMessage, conditions ...json.RawMessage) Rule {
	rule := Rule{ID: id, Default: true, Enabled: true, Conditions: []json.RawMessage{}, Actions: []json.RawMessage{}}
	rule.Actions = append(rule.Actions, actions...)
	rule.Conditions = append(rule.Conditions, conditions...)
	return rule
}

func match(key, pattern string) json.RawMessage {
	return condition("event_match", "key", key, "pattern", pattern)
}

// condition takes the names of its members and their values by turns.
func condition(kind string, members ...any) json.RawMessage {
	object := map[string]any{"kind": kind}
	for i := 0; i < len(members); i += 2 {
		object[members[i].(string)] = members[i+1]
	}
	return raw(object)
}

func notify(tweaks ...json.RawMessage) []json.RawMessage {
	return append([]json.RawMessage{raw(actionNotify)}, tweaks...)
}

func sound(name string) json.RawMessage {
	return raw(map[string]any{actionTweak: "sound", "value": name})
}

func highlight() json.RawMessage { return raw(map[string]any{actionTweak: "highlight"}) }

// raw writes what has no way to fail.
func raw(value any) json.RawMessage {
	out, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return out
}
