package names

import "github.com/wsgate/wsgate/analyzer/testdata/lookalike/chat"

type foreignChat = chat.Chat
