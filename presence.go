package wsgate

func (a *App) nodeDied(string) {}
func (a *App) sayAgain()       {}
