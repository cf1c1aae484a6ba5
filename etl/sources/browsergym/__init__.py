"""BrowserGym and AgentLab: episodes, and the calls that are their actions."""
