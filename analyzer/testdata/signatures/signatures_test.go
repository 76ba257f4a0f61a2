package signatures

import "context"

type inTest struct{}

func (*inTest) OnOpen(context.Context, *conn) error { return nil }
func (*inTest) OnClose(*conn)                       {} // want `inTest.OnClose`
