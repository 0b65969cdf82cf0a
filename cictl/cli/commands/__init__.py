"""The commands, one file a group: options, help, one call; how a result looks or is found belongs to the rooms."""
