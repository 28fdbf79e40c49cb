"""The web pages: server-rendered, in Chinese, for county officers and auditors."""
